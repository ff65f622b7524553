/* Trains points.varve step by step, the last batch included: `train FILE`. */
#include "circle.h"
#include "varve-c/Varve.h"
#include <stdio.h>

enum { POINTS = 1000, BATCH = 64 };
static float x[2 * POINTS];
static uint8_t kind[POINTS];

int main(int argc, char **argv) {
  struct varve_model_options options = {.size = sizeof options};
  int64_t x_shape[] = {0, 2}, kind_shape[] = {0};
  varve_model *model = NULL;
  varve_instance *net = NULL;
  varve_error error = {"usage: train FILE"};
  double loss = 0;
  options.path = argc > 1 ? argv[1] : "points.varve";
  int status = varve_model_open(&options, &model, &error);
  if (status == VARVE_OK)
    status = varve_instance_open(model, NULL, &net, &error);
  for (int epoch = 0; epoch < 30; epoch++) {
    circle_points((uint64_t)epoch + 3, POINTS, x, kind);
    for (int from = 0; from < POINTS && status == VARVE_OK; from += BATCH) {
      x_shape[0] = kind_shape[0] =
          POINTS - from < BATCH ? POINTS - from : BATCH;
      varve_array batch[] = {{"x", VARVE_F32, 2, x_shape, x + 2 * from},
                             {"kind", VARVE_U8, 1, kind_shape, kind + from}};
      status = varve_instance_step(net, batch, 2, &loss, &error);
    }
  }
  if (status == VARVE_OK)
    printf("loss %.4f\n", loss);
  else
    fprintf(stderr, "%s\n", error.message);
  varve_instance_close(net);
  varve_model_close(model);
  return status;
}
