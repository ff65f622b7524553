// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.argmin %{{.*}} : tensor<2x3xf32> -> tensor<2xi64>
func.func @rows(%x: tensor<2x3xf32>) -> tensor<2xi64> {
  %y = varve.argmin %x : tensor<2x3xf32> -> tensor<2xi64>
  return %y : tensor<2xi64>
}

func.func @middle(%x: tensor<2x3x2xf64>) -> tensor<2x2xi64> {
  %y = varve.argmin %x {axis = 1 : i64} : tensor<2x3x2xf64> -> tensor<2x2xi64>
  return %y : tensor<2x2xi64>
}

func.func @vector(%x: tensor<5xf64>) -> tensor<i64> {
  %y = varve.argmin %x : tensor<5xf64> -> tensor<i64>
  return %y : tensor<i64>
}

func.func @values() -> tensor<5xi64> attributes {
  varve.want = [dense<[0, 1, 1, 0, 0]> : tensor<5xi64>]
} {
  %x = varve.constant dense<[[1.0, 3.0, 3.0], [2.0, -1.0, -1.0], [1.0, 0x7FF8000000000000, 0x7FF8000000000000], [0xFFF0000000000000, 0xFFF0000000000000, 0xFFF0000000000000], [0x7FF0000000000000, 0x7FF0000000000000, 0x7FF0000000000000]]> : tensor<5x3xf64>
  %y = varve.argmin %x : tensor<5x3xf64> -> tensor<5xi64>
  return %y : tensor<5xi64>
}

func.func @integers() -> tensor<2xi64> attributes {
  varve.want = [dense<[0, 2]> : tensor<2xi64>]
} {
  %x = varve.constant dense<[[-128, -128, 5], [127, 127, 1]]> : tensor<2x3xi8>
  %y = varve.argmin %x : tensor<2x3xi8> -> tensor<2xi64>
  return %y : tensor<2xi64>
}

func.func @unsigned() -> tensor<2xi64> attributes {
  varve.want = [dense<[1, 0]> : tensor<2xi64>]
} {
  %x = varve.constant dense<[[200, 5, 255], [0, 0, 1]]> : tensor<2x3xui8>
  %y = varve.argmin %x : tensor<2x3xui8> -> tensor<2xi64>
  return %y : tensor<2xi64>
}

// -----

// argmin C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{axis 1 is not an axis of}}
  %y = varve.argmin %x {axis = 1 : i64} : tensor<2xf32> -> tensor<2xi64>
  return
}

// -----

// argmin C1
func.func @c1_empty(%x: tensor<2x0xf32>) {
  // expected-error @+1 {{or empty}}
  %y = varve.argmin %x : tensor<2x0xf32> -> tensor<2xi64>
  return
}
