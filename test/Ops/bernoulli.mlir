// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @draw
// CHECK: varve.bernoulli %{{.*}}, %{{.*}} {{{.*}}} : tensor<i64>, tensor<i64> -> tensor<2x3xi1>
func.func @draw(%seed: tensor<i64>, %step: tensor<i64>) -> tensor<2x3xi1> {
  %y = varve.bernoulli %seed, %step {p = 0.5 : f64, shape = array<i64: 2, 3>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<2x3xi1>
  return %y : tensor<2x3xi1>
}

func.func @scalar(%seed: tensor<i64>, %step: tensor<i64>) -> tensor<i1> {
  %y = varve.bernoulli %seed, %step {p = 0.5 : f64, shape = array<i64>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<i1>
  return %y : tensor<i1>
}

// From Philox4x32-10 written apart, checked against its published vectors.
func.func @values() -> tensor<2x3xi1> attributes {
  varve.want = [dense<[[true, true, true], [false, true, false]]> : tensor<2x3xi1>]
} {
  %seed = varve.constant dense<2999170649027065890> : tensor<i64>
  %step = varve.constant dense<2242054355> : tensor<i64>
  %y = varve.bernoulli %seed, %step {p = 0.5 : f64, shape = array<i64: 2, 3>, stream = 247824715720788526 : i64} : tensor<i64>, tensor<i64> -> tensor<2x3xi1>
  return %y : tensor<2x3xi1>
}

// With a step for each sample, the first axis, elements are counted in it.
func.func @by_sample() -> tensor<3x2xi1> attributes {
  varve.want = [dense<[[false, true], [false, true], [false, true]]> : tensor<3x2xi1>]
} {
  %seed = varve.constant dense<2999170649027065890> : tensor<i64>
  %step = varve.constant dense<[5, 0, 5]> : tensor<3xi64>
  %y = varve.bernoulli %seed, %step {p = 0.5 : f64, shape = array<i64: 3, 2>, stream = 247824715720788526 : i64} : tensor<i64>, tensor<3xi64> -> tensor<3x2xi1>
  return %y : tensor<3x2xi1>
}

func.func @one_each(%seed: tensor<i64>, %step: tensor<4xi64>) -> tensor<4xi1> {
  %y = varve.bernoulli %seed, %step {p = 0.5 : f64, shape = array<i64: 4>, stream = 7 : i64} : tensor<i64>, tensor<4xi64> -> tensor<4xi1>
  return %y : tensor<4xi1>
}

// -----

// bernoulli C1
func.func @c1_samples(%seed: tensor<i64>, %step: tensor<3xi64>) {
  // expected-error @+1 {{or step one number for each sample}}
  %y = varve.bernoulli %seed, %step {p = 0.5 : f64, shape = array<i64: 2>, stream = 7 : i64} : tensor<i64>, tensor<3xi64> -> tensor<2xi1>
  return
}

// -----

// bernoulli C1
func.func @c1(%seed: tensor<1xi64>, %step: tensor<i64>) {
  // expected-error @+1 {{seed and step have rank 0}}
  %y = varve.bernoulli %seed, %step {p = 0.5 : f64, shape = array<i64: 2>, stream = 7 : i64} : tensor<1xi64>, tensor<i64> -> tensor<2xi1>
  return
}

// -----

// bernoulli C2
func.func @c2(%seed: tensor<i64>, %step: tensor<i64>) {
  // expected-error @+1 {{cannot draw}}
  %y = varve.bernoulli %seed, %step {p = 0.5 : f64, shape = array<i64: 65536, 65536>, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<65536x65536xi1>
  return
}

// -----

// bernoulli C3
func.func @c3(%seed: tensor<i64>, %step: tensor<i64>) {
  // expected-error @+1 {{is not in [0, 1]}}
  %y = varve.bernoulli %seed, %step {p = 1.5 : f64, shape = array<i64: 2>, stream = 0 : i64} : tensor<i64>, tensor<i64> -> tensor<2xi1>
  return
}
