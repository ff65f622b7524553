// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @plain
// CHECK: varve.matmul %{{.*}}, %{{.*}} : tensor<2x3xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
func.func @plain(%x: tensor<2x3xf64>, %y: tensor<3x4xf64>) -> tensor<2x4xf64> {
  %z = varve.matmul %x, %y : tensor<2x3xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
  return %z : tensor<2x4xf64>
}

func.func @batched(%x: tensor<2x1x2x3xf64>, %y: tensor<2x1x3x1xf64>) -> tensor<2x1x2x1xf64> {
  %z = varve.matmul %x, %y : tensor<2x1x2x3xf64>, tensor<2x1x3x1xf64> -> tensor<2x1x2x1xf64>
  return %z : tensor<2x1x2x1xf64>
}

func.func @square(%x: tensor<2x2xf64>) -> tensor<2x2xf64> {
  %z = varve.matmul %x, %x : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<2x2xf64>
  return %z : tensor<2x2xf64>
}

func.func @no_terms(%x: tensor<2x0xf64>, %y: tensor<0x3xf64>) -> tensor<2x3xf64> {
  %z = varve.matmul %x, %y : tensor<2x0xf64>, tensor<0x3xf64> -> tensor<2x3xf64>
  return %z : tensor<2x3xf64>
}

func.func @no_rows(%x: tensor<0x2xf64>, %y: tensor<2x3xf64>) -> tensor<0x3xf64> {
  %z = varve.matmul %x, %y : tensor<0x2xf64>, tensor<2x3xf64> -> tensor<0x3xf64>
  return %z : tensor<0x3xf64>
}

func.func @halves(%x: tensor<2x3xf16>, %y: tensor<3x2xf16>) -> tensor<2x2xf16> {
  %z = varve.matmul %x, %y : tensor<2x3xf16>, tensor<3x2xf16> -> tensor<2x2xf16>
  return %z : tensor<2x2xf16>
}

func.func @values() -> (tensor<2x2xi8>, tensor<1x1xf64>) attributes {
  varve.want = [dense<[[19, 76], [43, -44]]> : tensor<2x2xi8>,
                dense<[[-1.0]]> : tensor<1x1xf64>]
} {
  %x = varve.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %y = varve.constant dense<[[5, 60], [7, 8]]> : tensor<2x2xi8>
  %z = varve.matmul %x, %y : tensor<2x2xi8>, tensor<2x2xi8> -> tensor<2x2xi8>
  %p = varve.constant dense<[[0.5, -1.5]]> : tensor<1x2xf64>
  %q = varve.constant dense<[[4.0], [2.0]]> : tensor<2x1xf64>
  %r = varve.matmul %p, %q : tensor<1x2xf64>, tensor<2x1xf64> -> tensor<1x1xf64>
  return %z, %r : tensor<2x2xi8>, tensor<1x1xf64>
}

// -----

// matmul C1
func.func @c1(%x: tensor<2x3xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{cannot multiply}}
  %z = varve.matmul %x, %y : tensor<2x3xf32>, tensor<3xf32> -> tensor<2xf32>
  return
}

// -----

// matmul C2
func.func @c2(%x: tensor<2x3xf32>, %y: tensor<4x2xf32>) {
  // expected-error @+1 {{inner sizes 3 and 4 differ}}
  %z = varve.matmul %x, %y : tensor<2x3xf32>, tensor<4x2xf32> -> tensor<2x2xf32>
  return
}

// -----

// matmul C3
func.func @c3(%x: tensor<2x2x3xf32>, %y: tensor<3x3x2xf32>) {
  // expected-error @+1 {{leading sizes 2 and 3 differ}}
  %z = varve.matmul %x, %y : tensor<2x2x3xf32>, tensor<3x3x2xf32> -> tensor<2x2x2xf32>
  return
}
