// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.exp %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.exp %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.exp %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<6xf64> attributes {
  varve.want = [dense<[0.22313016014842982, 0.7788007830714049, 1.0, 2.117000016612675, 7.38905609893065, 0.0]> : tensor<6xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0, 0xFFF0000000000000]> : tensor<6xf64>
  %y = varve.exp %x : tensor<6xf64>
  return %y : tensor<6xf64>
}

// -----

// exp C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.exp"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.exp %x : tensor<2xi32>
  return
}
