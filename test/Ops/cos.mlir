// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.cos %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.cos %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.cos %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<5xf64> attributes {
  varve.want = [dense<[0.0707372016677029, 0.9689124217106447, 1.0, 0.7316888688738209, -0.4161468365471424]> : tensor<5xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0]> : tensor<5xf64>
  %y = varve.cos %x : tensor<5xf64>
  return %y : tensor<5xf64>
}

// -----

// cos C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.cos"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.cos %x : tensor<2xi32>
  return
}
