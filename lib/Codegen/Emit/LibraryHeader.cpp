// The C header of an ahead-of-time library: its functions with the shapes and
// types of this model, and what a caller must know.
#include "varve/Codegen/Emit.h"
#include <cctype>
#include <fmt/format.h>
#include <set>
#include <vector>

namespace varve {

/// `text` as a C identifier: "optimizer.betas[0]" is optimizer_betas_0.
std::string identifier(const std::string &text) {
  std::string name;
  for (char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)))
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  if (!name.empty() && name.back() == '_')
    name.pop_back();
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])))
    name = "_" + name;
  return name;
}

namespace {

std::string upper(std::string text) {
  for (char &c : text)
    c = char(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

const char *cType(DType type) {
  switch (type) {
  case DType::F16:
  case DType::BF16:
  case DType::U16:
    return "uint16_t";
  case DType::F32:
    return "float";
  case DType::F64:
    return "double";
  case DType::I8:
    return "int8_t";
  case DType::I16:
    return "int16_t";
  case DType::I32:
    return "int32_t";
  case DType::I64:
    return "int64_t";
  case DType::U8:
  case DType::Bool:
    return "uint8_t";
  case DType::U32:
    return "uint32_t";
  case DType::U64:
    return "uint64_t";
  }
  return "void";
}

/// `name` with underscores until it is no other parameter and no word of C that
/// a model could use as a name.
std::string parameterName(const std::string &text,
                          std::set<std::string> &taken) {
  static const std::set<std::string> words = {
      "args",    "auto",   "bool",     "break",  "case",     "char",   "class",
      "const",   "delete", "do",       "double", "else",     "enum",   "float",
      "for",     "goto",   "if",       "inline", "int",      "long",   "model",
      "new",     "return", "short",    "signed", "static",   "switch", "this",
      "typedef", "union",  "unsigned", "void",   "volatile", "while"};
  std::string name = identifier(text);
  while (words.count(name) || !taken.insert(name).second)
    name += "_";
  return name;
}

bool byValue(const TensorDescription &t) {
  switch (t.kind) {
  case VARVE_ARG_HYPER:
  case VARVE_ARG_SEED:
  case VARVE_ARG_EPOCH:
  case VARVE_ARG_EPOCHS:
  case VARVE_ARG_STEPS:
    return true;
  default:
    return false;
  }
}

std::string meaning(const TensorDescription &t) {
  switch (t.kind) {
  case VARVE_ARG_FIELD:
    return "a field of the whole data set, [samples] first";
  case VARVE_ARG_INDICES:
    return "which samples make the batch, each below the number of samples";
  case VARVE_ARG_INPUT:
    return "an input of the model";
  case VARVE_ARG_HYPER:
    return fmt::format("a hyperparameter, by default {}", t.defaultValue);
  case VARVE_ARG_SEED:
    return "of random values";
  case VARVE_ARG_EPOCH:
    return "epochs done so far";
  case VARVE_ARG_EPOCHS:
    return "epochs in all, for schedules";
  case VARVE_ARG_STEPS:
    return "steps in all, for schedules";
  case VARVE_ARG_OUTPUT:
    return "result: an output of the model";
  case VARVE_ARG_LOSS:
    return "result: the loss";
  case VARVE_ARG_LOSS_PART:
    return "result: a part of the loss";
  case VARVE_ARG_METRIC:
    return "result: a mean over the batch";
  case VARVE_ARG_FINITE:
    return "result: whether the loss is finite";
  case VARVE_ARG_CHECK:
    return "result: whether what its name says holds";
  case VARVE_ARG_COTANGENT:
    return "the weights of an output in the sum that is differentiated";
  }
  return "";
}

/// "float[128][10]"; the number of samples is left open.
std::string cShape(const TensorDescription &t) {
  std::string text = cType(t.type);
  for (int64_t d : t.shape)
    text += d < 0 ? "[samples]" : fmt::format("[{}]", d);
  if (t.type == DType::F16 || t.type == DType::BF16)
    text += " holding " + std::string(nameOf(t.type));
  return text;
}

/// The items with commas, in lines of at most 80 columns; the first line has
/// `used` columns already.
std::string wrapped(const std::vector<std::string> &items, size_t used,
                    const std::string &indent) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    std::string item = items[i] + (i + 1 < items.size() ? "," : "");
    // Room for what closes the list.
    if (i && used + item.size() + 4 > 80) {
      text += "\n" + indent;
      used = indent.size();
    } else if (i) {
      text += " ";
      ++used;
    }
    text += item;
    used += item.size();
  }
  return text;
}

class Header {
public:
  Header(const ArtifactDescription &d, const Target &target, std::string prefix)
      : d(d), target(target), p(std::move(prefix)) {}

  std::string print() {
    introduction();
    constants();
    contexts();
    for (size_t i = 0; i < d.functions.size(); ++i)
      function(i);
    out += fmt::format("#ifdef __cplusplus\n}}\n#endif\n#endif\n");
    return out;
  }

private:
  template <class... T> void add(fmt::format_string<T...> f, T &&...args) {
    out += fmt::format(f, std::forward<T>(args)...);
  }

  void introduction() {
    add("/* {0}: a model compiled ahead of time by Varve {1} for {2}.\n"
        " *\n"
        " *   cc main.c -L. -l:{0}.so     (or whatever the library's file is "
        "called)\n"
        " *\n"
        " * Needs libc and libm only. {0}_create checks the CPU and fails on "
        "one that\n"
        " * is not {2}.\n"
        " *\n"
        " * Memory: the caller owns all buffers that it passes; nothing is "
        "kept "
        "after a\n"
        " * call. Buffers are row-major without padding, aligned to their "
        "element\n"
        " * (64 bytes is fastest), and do not overlap. A call of a compiled "
        "function\n"
        " * allocates nothing and cannot fail.\n"
        " *\n"
        " * Threads: contexts share nothing. One context is used by one thread "
        "at a\n"
        " * time; inside, it runs on its own team of threads. The results are "
        "the same\n"
        " * bits for any number of threads.\n"
        " *\n"
        " * Errors: functions that can fail return 0 on success, -1 on "
        "failure; "
        "{0}_error\n"
        " * then says why in one line. After a failure the state is as it "
        "was.\n"
        " */\n"
        "#ifndef {3}_H\n#define {3}_H\n\n#include <stddef.h>\n#include "
        "<stdint.h>\n\n"
        "#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n",
        p, d.compiler, target.level, upper(p));
  }

  void constants() {
    std::string states;
    for (size_t i = 0; i < d.states.size(); ++i) {
      const StateDescription &s = d.states[i];
      states +=
          fmt::format("  {}_STATE_{} = {}, /* {} */\n", upper(p),
                      upper(identifier(s.name)), i, toString(s.type, s.shape));
    }
    if (!states.empty())
      add("/* The state: parameters, and what the optimizer keeps. */\n"
          "enum {{\n{}}};\n\n",
          states);
    for (const FunctionDescription &f : d.functions)
      for (const TensorDescription &t : f.inputs) {
        std::string name = upper(p + "_" + identifier(t.name));
        if (t.kind != VARVE_ARG_HYPER ||
            out.find("#define " + name + " ") != std::string::npos)
          continue;
        add("/* The default of '{}'. */\n#define {} {:.9g}\n\n", t.name, name,
            t.defaultValue);
      }
  }

  void contexts() {
    add("/* The state of one model and its team of threads. */\n"
        "typedef struct {0} {0};\n\n"
        "/* A new context on `threads` threads (0: one for each CPU), with {1}."
        "\n * Returns NULL where it fails, and says why in `error` if that is "
        "not NULL. */\n"
        "{0} *{0}_create(int64_t threads, char *error, size_t error_bytes);\n\n"
        "/* Ends the threads and frees the memory. NULL is fine. */\n"
        "void {0}_destroy({0} *model);\n\n"
        "/* What the last failure was; valid until the next call. */\n"
        "const char *{0}_error(const {0} *model);\n\n"
        "/* First values for all of the state: parameters drawn from `seed`, "
        "the rest as\n * before the first step. */\n"
        "int {0}_initialize({0} *model, uint64_t seed);\n\n"
        "/* Loads a safetensors file: all parameters and running statistics, "
        "and of the\n * other state what is there. */\n"
        "int {0}_load({0} *model, const char *path);\n\n"
        "/* Saves parameters and running statistics, or with `all` the whole "
        "state, so\n * that training can go on from it. The file appears whole "
        "or not at all. */\n"
        "int {0}_save({0} *model, const char *path, int all);\n\n"
        "/* The number of a state variable (an enumerator above), or -1. */\n"
        "int64_t {0}_find(const {0} *model, const char *name);\n\n"
        "/* Copies a state variable from or to the model; `bytes` is its size. "
        "*/\n"
        "int {0}_get({0} *model, int64_t state, void *values, size_t bytes);\n"
        "int {0}_set({0} *model, int64_t state, const void *values,\n"
        "    size_t bytes);\n\n"
        "/* Runs function number `function` (in the order below); the typed "
        "functions\n * below call it. */\n"
        "void {0}_call({0} *model, int64_t function, void *const *args);\n\n",
        p, "first values from seed 0, or the weights it was compiled with");
  }

  void function(size_t index) {
    const FunctionDescription &f = d.functions[index];
    size_t same = 0;
    for (const FunctionDescription &other : d.functions)
      same += other.name == f.name;
    std::string name = p + "_" + identifier(f.name);
    if (same > 1)
      name += "_" + std::to_string(f.batch);
    add("/* {}: {} samples.\n", f.name, f.batch);
    std::vector<std::string> parameters = {p + " *model"}, args;
    std::set<std::string> taken;
    for (auto *list : {&f.inputs, &f.results})
      for (const TensorDescription &t : *list) {
        std::string id = parameterName(t.name, taken);
        bool result = list == &f.results;
        add(" *   {}: {}, {}\n", id, cShape(t), meaning(t));
        std::string type = cType(t.type);
        if (byValue(t)) {
          parameters.push_back(type + " " + id);
          args.push_back("&" + id);
        } else {
          parameters.push_back((result ? "" : "const ") + type + " *" + id);
          args.push_back("(void *)" + id);
        }
      }
    std::string head = "static inline void " + name + "(";
    std::string list = "  void *args[] = {";
    add(" */\n{}{}) {{\n{}{}}};\n  {}_call(model, {}, args);\n}}\n\n", head,
        wrapped(parameters, head.size(), std::string(4, ' ')), list,
        wrapped(args, list.size(), std::string(list.size(), ' ')), p, index);
  }

  const ArtifactDescription &d;
  const Target &target;
  std::string p, out;
};

} // namespace

std::string libraryHeader(const ArtifactDescription &description,
                          const Target &target, const LibraryOptions &library) {
  std::string prefix =
      identifier(library.prefix.empty() ? description.name : library.prefix);
  return Header(description, target, prefix).print();
}

} // namespace varve
