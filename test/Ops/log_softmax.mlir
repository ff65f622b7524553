// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.log_softmax %{{.*}} : tensor<2x3xf64>
func.func @rows(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.log_softmax %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @middle(%x: tensor<2x3x2xf64>) -> tensor<2x3x2xf64> {
  %y = varve.log_softmax %x {axis = 1 : i64} : tensor<2x3x2xf64>
  return %y : tensor<2x3x2xf64>
}

func.func @one(%x: tensor<2x1xf64>) -> tensor<2x1xf64> {
  %y = varve.log_softmax %x : tensor<2x1xf64>
  return %y : tensor<2x1xf64>
}

func.func @values() -> tensor<2x3xf64> attributes {
  varve.want = [dense<[[-1.3715390318526828, -0.37153903185268283, -2.871539031852683], [-0.6931471805599453, -1000.6931471805599, -0.6931471805599453]]> : tensor<2x3xf64>]
} {
  %x = varve.constant dense<[[1.0, 2.0, -0.5], [1000.0, 0.0, 1000.0]]> : tensor<2x3xf64>
  %y = varve.log_softmax %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

// -----

// log_softmax C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{axis 1 is not an axis of}}
  %y = varve.log_softmax %x {axis = 1 : i64} : tensor<2xf32>
  return
}

// -----

// log_softmax C1
func.func @c1_scalar(%x: tensor<f32>) {
  // expected-error @+1 {{axis -1 is not an axis of}}
  %y = varve.log_softmax %x : tensor<f32>
  return
}
