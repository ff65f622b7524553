// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @draw
// CHECK: varve.random_int %{{.*}}, %{{.*}} {{{.*}}} : tensor<i64>, tensor<i64> -> tensor<2x3xi64>
func.func @draw(%seed: tensor<i64>, %step: tensor<i64>) -> tensor<2x3xi64> {
  %y = varve.random_int %seed, %step {below = 1000 : i64, shape = array<i64: 2, 3>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<2x3xi64>
  return %y : tensor<2x3xi64>
}

func.func @scalar(%seed: tensor<i64>, %step: tensor<i64>) -> tensor<i64> {
  %y = varve.random_int %seed, %step {below = 1000 : i64, shape = array<i64>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<i64>
  return %y : tensor<i64>
}

// From Philox4x32-10 written apart, checked against its published vectors.
func.func @values() -> tensor<2x3xi64> attributes {
  varve.want = [dense<[[688, 793, 639], [453, 24, 421]]> : tensor<2x3xi64>]
} {
  %seed = varve.constant dense<2999170649027065890> : tensor<i64>
  %step = varve.constant dense<2242054355> : tensor<i64>
  %y = varve.random_int %seed, %step {below = 1000 : i64, shape = array<i64: 2, 3>, stream = 247824715720788526 : i64} : tensor<i64>, tensor<i64> -> tensor<2x3xi64>
  return %y : tensor<2x3xi64>
}

// With a step for each sample, the first axis, elements are counted in it.
func.func @by_sample() -> tensor<3x2xi64> attributes {
  varve.want = [dense<[[6, 6], [4, 1], [6, 6]]> : tensor<3x2xi64>]
} {
  %seed = varve.constant dense<2999170649027065890> : tensor<i64>
  %step = varve.constant dense<[5, 0, 5]> : tensor<3xi64>
  %y = varve.random_int %seed, %step {below = 10 : i64, shape = array<i64: 3, 2>, stream = 247824715720788526 : i64} : tensor<i64>, tensor<3xi64> -> tensor<3x2xi64>
  return %y : tensor<3x2xi64>
}

func.func @one_each(%seed: tensor<i64>, %step: tensor<4xi64>) -> tensor<4xi64> {
  %y = varve.random_int %seed, %step {below = 10 : i64, shape = array<i64: 4>, stream = 7 : i64} : tensor<i64>, tensor<4xi64> -> tensor<4xi64>
  return %y : tensor<4xi64>
}

// -----

// random_int C1
func.func @c1_samples(%seed: tensor<i64>, %step: tensor<3xi64>) {
  // expected-error @+1 {{or step one number for each sample}}
  %y = varve.random_int %seed, %step {below = 10 : i64, shape = array<i64: 2>, stream = 7 : i64} : tensor<i64>, tensor<3xi64> -> tensor<2xi64>
  return
}

// -----

// random_int C1
func.func @c1(%seed: tensor<1xi64>, %step: tensor<i64>) {
  // expected-error @+1 {{seed and step have rank 0}}
  %y = varve.random_int %seed, %step {below = 1000 : i64, shape = array<i64: 2>, stream = 7 : i64} : tensor<1xi64>, tensor<i64> -> tensor<2xi64>
  return
}

// -----

// random_int C2
func.func @c2(%seed: tensor<i64>, %step: tensor<i64>) {
  // expected-error @+1 {{cannot draw}}
  %y = varve.random_int %seed, %step {below = 1000 : i64, shape = array<i64: 65536, 65536>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<65536x65536xi64>
  return
}

// -----

// random_int C3
func.func @c3(%seed: tensor<i64>, %step: tensor<i64>) {
  // expected-error @+1 {{no whole number}}
  %y = varve.random_int %seed, %step {below = 0 : i64, shape = array<i64: 2>, stream = 0 : i64} : tensor<i64>, tensor<i64> -> tensor<2xi64>
  return
}
