// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.log %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64> {varve.range = [0.5, 2.0]}) -> tensor<2x3xf64> {
  %y = varve.log %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64> {varve.range = [0.5, 2.0]}) -> tensor<f64> {
  %y = varve.log %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<5xf64> attributes {
  varve.want = [dense<[-1.3862943611198906, 0.0, 0.6931471805599453, 2.302585092994046, 0xFFF0000000000000]> : tensor<5xf64>]
} {
  %x = varve.constant dense<[0.25, 1.0, 2.0, 10.0, 0.0]> : tensor<5xf64>
  %y = varve.log %x : tensor<5xf64>
  return %y : tensor<5xf64>
}

// -----

// log C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.log"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.log %x : tensor<2xi32>
  return
}
