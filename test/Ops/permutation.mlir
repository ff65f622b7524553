// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @draw
// CHECK: varve.permutation %{{.*}}, %{{.*}} {{{.*}}} : tensor<i64>, tensor<i64> -> tensor<5xi64>
func.func @draw(%seed: tensor<i64>, %step: tensor<i64>) -> tensor<5xi64> {
  %y = varve.permutation %seed, %step {count = 5 : i64, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<5xi64>
  return %y : tensor<5xi64>
}

// From Philox4x32-10 written apart, checked against its published vectors.
func.func @values() -> tensor<6xi64> attributes {
  varve.want = [dense<[2, 1, 3, 4, 0, 5]> : tensor<6xi64>]
} {
  %seed = varve.constant dense<2999170649027065890> : tensor<i64>
  %step = varve.constant dense<2242054355> : tensor<i64>
  %y = varve.permutation %seed, %step {count = 6 : i64, stream = 247824715720788526 : i64} : tensor<i64>, tensor<i64> -> tensor<6xi64>
  return %y : tensor<6xi64>
}

// -----

// permutation C1
func.func @c1(%seed: tensor<1xi64>, %step: tensor<i64>) {
  // expected-error @+1 {{seed and step have rank 0}}
  %y = varve.permutation %seed, %step {count = 5 : i64, stream = 7 : i64} : tensor<1xi64>, tensor<i64> -> tensor<2xi64>
  return
}

// -----

// permutation C2
func.func @c2(%seed: tensor<i64>, %step: tensor<i64>) {
  // expected-error @+1 {{cannot draw}}
  %y = varve.permutation %seed, %step {count = 5000000000 : i64, stream = 7 : i64} : tensor<i64>, tensor<i64> -> tensor<5000000000xi64>
  return
}
