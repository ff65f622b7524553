/* Weight files in the safetensors format, read and written in C.
 *
 *   u64 little-endian: bytes of the header
 *   header: {"__metadata__": {..}, NAME: {"dtype": .., "shape": [..],
 *            "data_offsets": [begin, end]}, ..}, offsets from the header's end
 *   the tensors' bytes
 *
 * No size in a file is believed before it is checked against the file.
 */
#include "Internal.h"
#include "Library.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const dtype_names[] = {"F16", "BF16", "F32", "F64", "I8",
                                          "I16", "I32",  "I64", "U8",  "U16",
                                          "U32", "U64",  "BOOL"};

/* ---- JSON, as much as a header needs ---- */

#define TEXT_BYTES 512

struct cursor {
  const char *at, *end;
  int bad; /* sticky: nothing is read after the first mistake */
};

static void skip_space(struct cursor *c) {
  while (c->at < c->end &&
         (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
    c->at++;
}

/* Takes `token` if it comes next. */
static int take(struct cursor *c, char token) {
  skip_space(c);
  if (c->bad || c->at >= c->end || *c->at != token)
    return 0;
  c->at++;
  return 1;
}

static void expect(struct cursor *c, char token) {
  if (!take(c, token))
    c->bad = 1;
}

static unsigned hex4(struct cursor *c) {
  unsigned value = 0;
  for (int i = 0; i < 4; i++) {
    char digit = c->at < c->end ? *c->at++ : 0;
    value <<= 4;
    if (digit >= '0' && digit <= '9')
      value |= (unsigned)(digit - '0');
    else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
      value |= (unsigned)((digit | 32) - 'a' + 10);
    else
      c->bad = 1;
  }
  return value;
}

/* The next string, unescaped. A longer one than `text` holds is cut: no name
 * or type that is looked for is as long. */
static void read_string(struct cursor *c, char *text) {
  size_t n = 0;
  expect(c, '"');
  while (!c->bad) {
    if (c->at >= c->end) {
      c->bad = 1;
      break;
    }
    unsigned ch = (unsigned char)*c->at++;
    if (ch == '"')
      break;
    if (ch == '\\') {
      char e = c->at < c->end ? *c->at++ : 0;
      const char *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t";
      const char *known = e ? strchr(from, e) : NULL;
      if (known)
        ch = (unsigned char)to[known - from];
      else if (e == 'u')
        ch = hex4(c);
      else
        c->bad = 1;
    } else {
      if (n + 1 < TEXT_BYTES)
        text[n++] = (char)ch;
      continue;
    }
    /* UTF-8 of what an escape stands for. */
    if (ch >= 0x800 && n + 3 < TEXT_BYTES) {
      text[n++] = (char)(0xe0 | ch >> 12);
      text[n++] = (char)(0x80 | (ch >> 6 & 63));
      text[n++] = (char)(0x80 | (ch & 63));
    } else if (ch >= 0x80 && ch < 0x800 && n + 2 < TEXT_BYTES) {
      text[n++] = (char)(0xc0 | ch >> 6);
      text[n++] = (char)(0x80 | (ch & 63));
    } else if (ch < 0x80 && n + 1 < TEXT_BYTES) {
      text[n++] = (char)ch;
    }
  }
  text[n] = 0;
}

static int64_t read_integer(struct cursor *c) {
  int64_t value = 0;
  skip_space(c);
  if (c->at >= c->end || *c->at < '0' || *c->at > '9')
    c->bad = 1;
  while (!c->bad && c->at < c->end && *c->at >= '0' && *c->at <= '9') {
    if (value > (INT64_MAX - 9) / 10)
      c->bad = 1;
    else
      value = value * 10 + (*c->at++ - '0');
  }
  return value;
}

/* Up to `limit` integers in brackets; returns how many there are. */
static int64_t read_integers(struct cursor *c, int64_t *values, int64_t limit) {
  int64_t n = 0;
  expect(c, '[');
  if (take(c, ']'))
    return 0;
  do {
    int64_t value = read_integer(c);
    if (n < limit)
      values[n] = value;
    n++;
  } while (take(c, ','));
  expect(c, ']');
  return n;
}

/* {"text": "text", ..} */
static void skip_metadata(struct cursor *c) {
  char text[TEXT_BYTES];
  expect(c, '{');
  if (take(c, '}'))
    return;
  do {
    read_string(c, text);
    expect(c, ':');
    read_string(c, text);
  } while (!c->bad && take(c, ','));
  expect(c, '}');
}

struct entry {
  char dtype[TEXT_BYTES];
  int64_t rank, shape[VARVE_MAX_RANK], range[2];
};

static void read_entry(struct cursor *c, struct entry *entry) {
  char key[TEXT_BYTES];
  entry->dtype[0] = 0;
  entry->rank = entry->range[0] = entry->range[1] = -1;
  expect(c, '{');
  do {
    read_string(c, key);
    expect(c, ':');
    if (!strcmp(key, "dtype"))
      read_string(c, entry->dtype);
    else if (!strcmp(key, "shape"))
      entry->rank = read_integers(c, entry->shape, VARVE_MAX_RANK);
    else if (!strcmp(key, "data_offsets"))
      c->bad |= read_integers(c, entry->range, 2) != 2;
    else
      c->bad = 1;
  } while (!c->bad && take(c, ','));
  expect(c, '}');
}

/* ---- Loading ---- */

static size_t canonical_bytes(const struct varve_state_desc *state) {
  return (size_t)varve_state_elements(state) * varve_dtype_bytes(state->dtype);
}

/* The heads of local stages are for training only. */
static int is_weight(const struct varve_state_desc *state) {
  return (state->role == VARVE_PARAM || state->role == VARVE_RUNNING) &&
         strncmp(state->name, "stage.", 6);
}

/* Whether `entry` is a value of `state` inside `size` bytes of data. */
static int check_entry(const struct entry *entry, size_t size,
                       const struct varve_state_desc *state,
                       varve_error *error) {
  int same = entry->rank == state->rank &&
             !strcmp(entry->dtype, dtype_names[state->dtype]);
  for (int64_t i = 0; same && i < state->rank; i++)
    same = entry->shape[i] == state->shape[i];
  if (!same)
    return varve_fail(error, "'%s' has another type or shape than the model's",
                      state->name);
  if (entry->range[0] < 0 || entry->range[1] < entry->range[0] ||
      (uint64_t)entry->range[1] > size ||
      (uint64_t)(entry->range[1] - entry->range[0]) != canonical_bytes(state))
    return varve_fail(error, "the bytes of '%s' are not in the file",
                      state->name);
  return 1;
}

/* Finds the bytes of each state variable in a file. */
static int find_values(varve_session *session,
                       const struct varve_artifact *artifact, const char *bytes,
                       size_t size, const char **values, varve_error *error) {
  uint64_t header = 0;
  if (size >= 8)
    for (int i = 0; i < 8; i++)
      header |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
  if (size < 8 || header > size - 8)
    return varve_fail(error, "no safetensors file (its header does not fit)");
  const char *data = bytes + 8 + header;
  struct cursor c = {bytes + 8, data, 0};
  struct entry entry;
  char name[TEXT_BYTES];
  expect(&c, '{');
  if (!take(&c, '}')) {
    do {
      read_string(&c, name);
      expect(&c, ':');
      if (!strcmp(name, "__metadata__")) {
        skip_metadata(&c);
        continue;
      }
      read_entry(&c, &entry);
      int64_t state = c.bad ? -1 : varve_session_find(session, name);
      if (state < 0)
        continue;
      if (values[state])
        return varve_fail(error, "'%s' is twice in the file", name);
      if (!check_entry(&entry, size - 8 - header, &artifact->state[state],
                       error))
        return 0;
      values[state] = data + entry.range[0];
    } while (!c.bad && take(&c, ','));
    expect(&c, '}');
  }
  skip_space(&c);
  if (c.bad || c.at != c.end)
    return varve_fail(error, "no safetensors file (its header is malformed)");
  for (int64_t i = 0; i < artifact->states; i++)
    if (!values[i] && is_weight(&artifact->state[i]))
      return varve_fail(error, "no '%s' in the file", artifact->state[i].name);
  return 1;
}

int varve_weights_parse(varve_session *session,
                        const struct varve_artifact *artifact,
                        const char *bytes, size_t size, varve_error *error) {
  const char **values = calloc((size_t)artifact->states + 1, sizeof(*values));
  int fine = values ? find_values(session, artifact, bytes, size, values, error)
                    : varve_fail(error, "out of memory");
  /* What begins as a copy does so again, unless the file has it. */
  if (fine)
    for (int64_t i = 0; i < artifact->states; i++)
      if (values[i] && artifact->state[i].init != VARVE_INIT_COPY)
        varve_session_import(session, i, values[i]);
  fine = fine && varve_session_initialize_copies(session, error);
  if (fine)
    for (int64_t i = 0; i < artifact->states; i++)
      if (values[i] && artifact->state[i].init == VARVE_INIT_COPY)
        varve_session_import(session, i, values[i]);
  free(values);
  return fine;
}

int varve_weights_load(varve_session *session,
                       const struct varve_artifact *artifact, const char *path,
                       varve_error *error) {
  struct stat info;
  varve_error reason = {""};
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &info) || !S_ISREG(info.st_mode)) {
    int code = file < 0 ? errno : EINVAL;
    if (file >= 0)
      close(file);
    return varve_fail(error, "cannot read '%s': %s", path, strerror(code));
  }
  size_t size = (size_t)info.st_size;
  void *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
  close(file);
  if (bytes == MAP_FAILED)
    return varve_fail(error, "cannot read '%s': %s", path, strerror(errno));
  int fine = varve_weights_parse(session, artifact, bytes, size, &reason);
  if (bytes)
    munmap(bytes, size);
  if (!fine)
    varve_fail(error, "'%.200s': %.280s", path, reason.message);
  return fine;
}

/* ---- Saving ---- */

static void write_name(FILE *to, const char *name) {
  fputc('"', to);
  for (; *name; name++)
    if ((unsigned char)*name < 32)
      fprintf(to, "\\u%04x", *name);
    else
      fprintf(to, *name == '"' || *name == '\\' ? "\\%c" : "%c", *name);
  fputc('"', to);
}

/* Calls `visit` for each variable that is saved, wider elements first, so that
 * every tensor is aligned. */
static void for_each_saved(const struct varve_artifact *artifact, int all,
                           void (*visit)(void *, int64_t), void *context) {
  for (size_t bytes = 8; bytes; bytes /= 2)
    for (int64_t i = 0; i < artifact->states; i++)
      if (varve_dtype_bytes(artifact->state[i].dtype) == bytes &&
          (all || is_weight(&artifact->state[i])))
        visit(context, i);
}

struct writer {
  FILE *to;
  varve_session *session;
  const struct varve_artifact *artifact;
  long long offset;
  void *scratch;
};

static void write_entry(void *context, int64_t index) {
  struct writer *w = context;
  const struct varve_state_desc *state = &w->artifact->state[index];
  fputc(',', w->to);
  write_name(w->to, state->name);
  fprintf(w->to, ":{\"dtype\":\"%s\",\"shape\":[", dtype_names[state->dtype]);
  for (int64_t i = 0; i < state->rank; i++)
    fprintf(w->to, i ? ",%lld" : "%lld", (long long)state->shape[i]);
  long long end = w->offset + (long long)canonical_bytes(state);
  fprintf(w->to, "],\"data_offsets\":[%lld,%lld]}", w->offset, end);
  w->offset = end;
}

static void write_value(void *context, int64_t index) {
  struct writer *w = context;
  size_t bytes = canonical_bytes(&w->artifact->state[index]);
  varve_session_export(w->session, index, w->scratch);
  fwrite(w->scratch, 1, bytes, w->to);
}

static int write_file(struct writer *w, int all) {
  char *header = NULL;
  size_t size = 0;
  FILE *file = w->to;
  w->to = open_memstream(&header, &size);
  if (!w->to)
    return 0;
  fputs("{\"__metadata__\":{\"model\":", w->to);
  write_name(w->to, w->artifact->name);
  fputc('}', w->to);
  for_each_saved(w->artifact, all, write_entry, w);
  fputc('}', w->to);
  fflush(w->to);
  while (size % 8) {
    fputc(' ', w->to);
    fflush(w->to);
  }
  fclose(w->to);
  w->to = file;
  for (int i = 0; i < 8; i++)
    fputc((int)((uint64_t)size >> 8 * i & 255), file);
  int fine = header && fwrite(header, 1, size, file) == size;
  free(header);
  for_each_saved(w->artifact, all, write_value, w);
  return fine && !ferror(file) && !fflush(file) && !fsync(fileno(file));
}

/* Makes the rename last through a crash. */
static void sync_folder(const char *path) {
  char folder[4096];
  const char *slash = strrchr(path, '/');
  int n = slash ? (int)(slash - path) + 1 : 1;
  snprintf(folder, sizeof(folder), "%.*s", n, slash ? path : ".");
  int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file >= 0) {
    fsync(file);
    close(file);
  }
}

int varve_weights_save(varve_session *session,
                       const struct varve_artifact *artifact, const char *path,
                       int all, varve_error *error) {
  char temporary[4096];
  if (snprintf(temporary, sizeof(temporary), "%s.%ld.tmp", path,
               (long)getpid()) >= (int)sizeof(temporary))
    return varve_fail(error, "path too long");
  size_t largest = 1;
  for (int64_t i = 0; i < artifact->states; i++)
    if (canonical_bytes(&artifact->state[i]) > largest)
      largest = canonical_bytes(&artifact->state[i]);
  struct writer w = {NULL, session, artifact, 0, malloc(largest)};
  if (!w.scratch)
    return varve_fail(error, "out of memory: %zu bytes", largest);
  w.to = fopen(temporary, "wbe");
  int opened = w.to != NULL;
  int fine = opened && write_file(&w, all);
  int code = errno;
  if (opened && fclose(w.to) && fine) {
    code = errno;
    fine = 0;
  }
  free(w.scratch);
  if (fine && rename(temporary, path)) {
    code = errno;
    fine = 0;
  }
  if (fine) {
    sync_folder(path);
    return 1;
  }
  if (opened)
    unlink(temporary);
  return varve_fail(error, "cannot write '%s': %s", path, strerror(code));
}
