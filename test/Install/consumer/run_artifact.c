/* Compiles a model to an artifact and runs it: y = 2 x. */
#include <stdio.h>
#include <string.h>
#include <varve-c/Compiler.h>
#include <varve-c/Runtime.h>

static const char *text = "model twice(x: f32[N, 4]) -> y: f32[N, 4] {\n"
                          "  return x * 2\n"
                          "}\n";

int main(int argc, char **argv) {
  struct varve_function_request infer = {"infer", 1};
  struct varve_compile_request request = {sizeof request};
  struct varve_compile_result compiled;
  request.path = "twice.varve";
  request.text = text;
  request.function = &infer;
  request.functions = 1;
  request.output_path = argv[1];
  if (varve_compile(&request, &compiled) != VARVE_OK) {
    fprintf(stderr, "%s\n", compiled.diagnostic);
    return 1;
  }
  varve_compile_result_clear(&compiled);

  varve_error error = {""};
  void *handle = NULL;
  const struct varve_artifact *artifact = varve_open(argv[1], &handle, &error);
  varve_team *team = varve_team_create(2, &error);
  varve_session *session =
      artifact ? varve_session_create(artifact, NULL, &error) : NULL;
  if (!team || !session) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  _Alignas(VARVE_ALIGNMENT) float x[4] = {1, 2, 3, 4};
  _Alignas(VARVE_ALIGNMENT) float y[4];
  void *args[] = {x, y};
  varve_session_call(session, varve_find_function(artifact, "infer", 1), args,
                     team);
  printf("%g %g %g %g\n", y[0], y[1], y[2], y[3]);
  varve_session_destroy(session);
  varve_team_destroy(team);
  varve_close(handle);
  return 0;
}
