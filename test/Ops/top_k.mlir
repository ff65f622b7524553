// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.top_k %{{.*}} {k = 2 : i64} : tensor<2x5xf64> -> tensor<2x2xf64>, tensor<2x2xi64>
func.func @rows(%x: tensor<2x5xf64>) -> (tensor<2x2xf64>, tensor<2x2xi64>) {
  %v, %i = varve.top_k %x {k = 2 : i64} : tensor<2x5xf64> -> tensor<2x2xf64>, tensor<2x2xi64>
  return %v, %i : tensor<2x2xf64>, tensor<2x2xi64>
}

func.func @sort(%x: tensor<4xf64>) -> tensor<4xf64> {
  %v, %i = varve.top_k %x {k = 4 : i64} : tensor<4xf64> -> tensor<4xf64>, tensor<4xi64>
  return %v : tensor<4xf64>
}

func.func @values() -> (tensor<2x3xf64>, tensor<2x3xi64>) attributes {
  varve.want = [dense<[[5.0, 5.0, 1.0], [0x7FF8000000000000, 3.0, 0xFFF0000000000000]]> : tensor<2x3xf64>,
                dense<[[1, 3, 0], [1, 2, 0]]> : tensor<2x3xi64>]
} {
  %x = varve.constant dense<[[1.0, 5.0, -2.0, 5.0], [0xFFF0000000000000, 0x7FF8000000000000, 3.0, 0xFFF0000000000000]]> : tensor<2x4xf64>
  %v, %i = varve.top_k %x {k = 3 : i64} : tensor<2x4xf64> -> tensor<2x3xf64>, tensor<2x3xi64>
  return %v, %i : tensor<2x3xf64>, tensor<2x3xi64>
}

func.func @unsigned() -> (tensor<2xui8>, tensor<2xi64>) attributes {
  varve.want = [dense<[200, 7]> : tensor<2xui8>,
                dense<[1, 2]> : tensor<2xi64>]
} {
  %x = varve.constant dense<[3, 200, 7]> : tensor<3xui8>
  %v, %i = varve.top_k %x {k = 2 : i64} : tensor<3xui8> -> tensor<2xui8>, tensor<2xi64>
  return %v, %i : tensor<2xui8>, tensor<2xi64>
}

// -----

// top_k C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{no 3 largest along the last axis}}
  %v, %i = varve.top_k %x {k = 3 : i64} : tensor<2xf32> -> tensor<3xf32>, tensor<3xi64>
  return
}
