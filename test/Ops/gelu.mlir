// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.gelu %{{.*}} : tensor<2x3xf64>
func.func @matrix(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.gelu %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %y = varve.gelu %x : tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> tensor<5xf64> attributes {
  varve.want = [dense<[-0.10021080190328713, -0.10032341857926907, 0.0, 0.5800294857173488, 1.9544997361036416]> : tensor<5xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0]> : tensor<5xf64>
  %y = varve.gelu %x : tensor<5xf64>
  return %y : tensor<5xf64>
}

// CHECK-LABEL: @with_tanh
// CHECK: varve.gelu %{{.*}} {approximate = "tanh"} : tensor<2x3xf64>
func.func @with_tanh(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.gelu %x {approximate = "tanh"} : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @tanh_values() -> tensor<5xf64> attributes {
  varve.want = [dense<[-0.10042842301976707, -0.100324649298315, 0.0, 0.5799605551656203, 1.954597694087775]> : tensor<5xf64>]
} {
  %x = varve.constant dense<[-1.5, -0.25, 0.0, 0.75, 2.0]> : tensor<5xf64>
  %y = varve.gelu %x {approximate = "tanh"} : tensor<5xf64>
  return %y : tensor<5xf64>
}

// -----

// gelu C2
func.func @c2(%x: tensor<2xf64>) {
  // expected-error @+1 {{unknown approximation "sigmoid"}}
  %y = varve.gelu %x {approximate = "sigmoid"} : tensor<2xf64>
  return
}

// -----

// gelu C1
func.func @c1(%x: tensor<2x3xf64>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  "varve.gelu"(%x) : (tensor<2x3xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @element(%x: tensor<2xi32>) {
  // expected-error @+1 {{must be ranked tensor of}}
  %y = varve.gelu %x : tensor<2xi32>
  return
}
