// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.softmax %{{.*}} : tensor<2x3xf64>
func.func @rows(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = varve.softmax %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

func.func @middle(%x: tensor<2x3x2xf64>) -> tensor<2x3x2xf64> {
  %y = varve.softmax %x {axis = 1 : i64} : tensor<2x3x2xf64>
  return %y : tensor<2x3x2xf64>
}

func.func @one(%x: tensor<2x1xf64>) -> tensor<2x1xf64> {
  %y = varve.softmax %x : tensor<2x1xf64>
  return %y : tensor<2x1xf64>
}

func.func @values() -> tensor<2x3xf64> attributes {
  varve.want = [dense<[[0.25371618163502524, 0.6896720861245036, 0.05661173224047129], [0.5, 0.0, 0.5]]> : tensor<2x3xf64>]
} {
  %x = varve.constant dense<[[1.0, 2.0, -0.5], [1000.0, 0.0, 1000.0]]> : tensor<2x3xf64>
  %y = varve.softmax %x : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

// -----

// softmax C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{axis 1 is not an axis of}}
  %y = varve.softmax %x {axis = 1 : i64} : tensor<2xf32>
  return
}

// -----

// softmax C1
func.func @c1_scalar(%x: tensor<f32>) {
  // expected-error @+1 {{axis -1 is not an axis of}}
  %y = varve.softmax %x : tensor<f32>
  return
}
