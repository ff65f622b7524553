/* Trains the MNIST perceptron with a library that Varve compiled:
 *
 *   varve compile docs/examples/mnist_mlp.varve --function train_step \
 *     --batch 128 --batch 96 -o libmnist_mlp.so --header mnist_mlp.h
 *   cc train_mnist.c -o train_mnist ./libmnist_mlp.so
 *   ./train_mnist train-images-idx3-ubyte train-labels-idx1-ubyte
 * out.safetensors
 */
#include "mnist_mlp.h"
#include <stdio.h>
#include <stdlib.h>
#ifndef SAMPLES
#define SAMPLES 60000 /* 468 batches of 128 and one of 96 */
#endif
#define SETTINGS                                                               \
  MNIST_MLP_OPTIMIZER_LR, MNIST_MLP_OPTIMIZER_BETAS_0,                         \
      MNIST_MLP_OPTIMIZER_BETAS_1, MNIST_MLP_OPTIMIZER_EPS

static uint8_t *load(const char *path, long header, size_t bytes) {
  FILE *file = fopen(path, "rb");
  uint8_t *data = malloc(bytes);
  if (!file || fseek(file, header, SEEK_SET) ||
      fread(data, 1, bytes, file) != bytes)
    exit((fprintf(stderr, "cannot read %s\n", path), 1));
  fclose(file);
  return data;
}

int main(int argc, char **argv) {
  char error[256] = "usage: train_mnist IMAGES LABELS WEIGHTS";
  mnist_mlp *model =
      argc == 4 ? mnist_mlp_create(0, error, sizeof error) : NULL;
  if (!model)
    return fprintf(stderr, "%s\n", error), 1;
  uint8_t *image = load(argv[1], 16, SAMPLES * 784),
          *label = load(argv[2], 8, SAMPLES);
  static int64_t order[SAMPLES];
  for (int epoch = 0; epoch < 3; epoch++) {
    for (int i = 0; i < SAMPLES; i++) { /* a new order for each epoch */
      int j = rand() % (i + 1);
      order[i] = order[j], order[j] = i;
    }
    float loss, accuracy, sum = 0;
    for (int at = 0; at + 128 <= SAMPLES; at += 128, sum += loss)
      mnist_mlp_train_step_128(model, image, label, order + at, SETTINGS, &loss,
                               &accuracy);
    mnist_mlp_train_step_96(model, image, label, order + SAMPLES - 96, SETTINGS,
                            &loss, &accuracy);
    printf("epoch %d: loss %.4f\n", epoch + 1,
           (sum + loss) / (SAMPLES / 128 + 1));
  }
  int failed = mnist_mlp_save(model, argv[3], 0);
  if (failed)
    fprintf(stderr, "%s\n", mnist_mlp_error(model));
  mnist_mlp_destroy(model);
  return failed != 0;
}
