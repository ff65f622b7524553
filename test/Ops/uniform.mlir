// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @draw
// CHECK: varve.uniform %{{.*}}, %{{.*}} {{{.*}}} : tensor<i64>, tensor<i64> -> tensor<2x3xf32>
func.func @draw(%seed: tensor<i64>, %step: tensor<i64>) -> tensor<2x3xf32> {
  %y = varve.uniform %seed, %step {low = -1.0 : f64, high = 3.0 : f64, shape = array<i64: 2, 3>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

func.func @scalar(%seed: tensor<i64>, %step: tensor<i64>) -> tensor<f32> {
  %y = varve.uniform %seed, %step {low = -1.0 : f64, high = 3.0 : f64, shape = array<i64>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<f32>
  return %y : tensor<f32>
}

// From Philox4x32-10 written apart, checked against its published vectors.
func.func @values() -> tensor<2x3xf32> attributes {
  varve.want = [dense<[[-0.008963584899902344, -0.6737885475158691, 0.11582207679748535], [1.910269021987915, -0.7318410873413086, 2.1191353797912598]]> : tensor<2x3xf32>]
} {
  %seed = varve.constant dense<2999170649027065890> : tensor<i64>
  %step = varve.constant dense<2242054355> : tensor<i64>
  %y = varve.uniform %seed, %step {low = -1.0 : f64, high = 3.0 : f64, shape = array<i64: 2, 3>, stream = 247824715720788526 : i64} : tensor<i64>, tensor<i64> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// With a step for each sample, the first axis, elements are counted in it.
func.func @by_sample() -> tensor<3x2xf32> attributes {
  varve.want = [dense<[[2.095893383026123, 0.556931734085083], [1.8443758487701416, -0.22962307929992676], [2.095893383026123, 0.556931734085083]]> : tensor<3x2xf32>]
} {
  %seed = varve.constant dense<2999170649027065890> : tensor<i64>
  %step = varve.constant dense<[5, 0, 5]> : tensor<3xi64>
  %y = varve.uniform %seed, %step {low = -1.0 : f64, high = 3.0 : f64, shape = array<i64: 3, 2>, stream = 247824715720788526 : i64} : tensor<i64>, tensor<3xi64> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

func.func @one_each(%seed: tensor<i64>, %step: tensor<4xi64>) -> tensor<4xf32> {
  %y = varve.uniform %seed, %step {low = -1.0 : f64, high = 3.0 : f64, shape = array<i64: 4>, stream = 7 : i64} : tensor<i64>, tensor<4xi64> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// uniform C1
func.func @c1_samples(%seed: tensor<i64>, %step: tensor<3xi64>) {
  // expected-error @+1 {{or step one number for each sample}}
  %y = varve.uniform %seed, %step {low = -1.0 : f64, high = 3.0 : f64, shape = array<i64: 2>, stream = 7 : i64} : tensor<i64>, tensor<3xi64> -> tensor<2xf32>
  return
}

// -----

// uniform C1
func.func @c1(%seed: tensor<1xi64>, %step: tensor<i64>) {
  // expected-error @+1 {{seed and step have rank 0}}
  %y = varve.uniform %seed, %step {low = -1.0 : f64, high = 3.0 : f64, shape = array<i64: 2>, stream = 7 : i64} : tensor<1xi64>, tensor<i64> -> tensor<2xf32>
  return
}

// -----

// uniform C2
func.func @c2(%seed: tensor<i64>, %step: tensor<i64>) {
  // expected-error @+1 {{cannot draw}}
  %y = varve.uniform %seed, %step {low = -1.0 : f64, high = 3.0 : f64, shape = array<i64: 65536, 65536>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<65536x65536xf32>
  return
}
