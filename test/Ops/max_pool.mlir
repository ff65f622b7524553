// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @halve
// CHECK: varve.max_pool %{{.*}} {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<2x2x4x6xf64> -> tensor<2x2x2x3xf64>, tensor<2x2x2x3xi32>
func.func @halve(%x: tensor<2x2x4x6xf64>) -> (tensor<2x2x2x3xf64>, tensor<2x2x2x3xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<2x2x4x6xf64> -> tensor<2x2x2x3xf64>, tensor<2x2x2x3xi32>
  return %r0, %r1 : tensor<2x2x2x3xf64>, tensor<2x2x2x3xi32>
}

func.func @overlap(%x: tensor<1x2x5x6xf64>) -> (tensor<1x2x3x3xf64>, tensor<1x2x3x3xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x2x5x6xf64> -> tensor<1x2x3x3xf64>, tensor<1x2x3x3xi32>
  return %r0, %r1 : tensor<1x2x3x3xf64>, tensor<1x2x3x3xi32>
}

func.func @gaps(%x: tensor<1x1x5x6xf64>) -> (tensor<1x1x5x2xf64>, tensor<1x1x5x2xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 2, 2>, kernel = array<i64: 2, 3>, padding = array<i64: 1, 1>, stride = array<i64: 1, 2>} : tensor<1x1x5x6xf64> -> tensor<1x1x5x2xf64>, tensor<1x1x5x2xi32>
  return %r0, %r1 : tensor<1x1x5x2xf64>, tensor<1x1x5x2xi32>
}

func.func @ceil(%x: tensor<1x1x5x4xf64>) -> (tensor<1x1x3x2xf64>, tensor<1x1x3x2xi32>) {
  %r0, %r1 = varve.max_pool %x {ceil = true, dilation = array<i64: 1, 1>, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x1x5x4xf64> -> tensor<1x1x3x2xf64>, tensor<1x1x3x2xi32>
  return %r0, %r1 : tensor<1x1x3x2xf64>, tensor<1x1x3x2xi32>
}

func.func @ends(%x: tensor<1x1x4x4xf64>) -> (tensor<1x1x5x2xf64>, tensor<1x1x5x2xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 2, 1, 1, 1>, stride = array<i64: 1, 2>} : tensor<1x1x4x4xf64> -> tensor<1x1x5x2xf64>, tensor<1x1x5x2xi32>
  return %r0, %r1 : tensor<1x1x5x2xf64>, tensor<1x1x5x2xi32>
}

func.func @unseen(%x: tensor<1x1x5x5xf64>) -> (tensor<1x1x2x2xf64>, tensor<1x1x2x2xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 1, 2>, padding = array<i64: 0, 0>, stride = array<i64: 3, 3>} : tensor<1x1x5x5xf64> -> tensor<1x1x2x2xf64>, tensor<1x1x2x2xi32>
  return %r0, %r1 : tensor<1x1x2x2xf64>, tensor<1x1x2x2xi32>
}

// More places than are written out.
func.func @large(%x: tensor<1x2x9x10xf64> {varve.range = [-300.0, 300.0]}) -> (tensor<1x2x1x2xf64>, tensor<1x2x1x2xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 9, 9>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x2x9x10xf64> -> tensor<1x2x1x2xf64>, tensor<1x2x1x2xi32>
  return %r0, %r1 : tensor<1x2x1x2xf64>, tensor<1x2x1x2xi32>
}

func.func @large_gaps(%x: tensor<1x1x9x18xf64> {varve.range = [-300.0, 300.0]}) -> (tensor<1x1x2x4xf64>, tensor<1x1x2x4xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 2>, kernel = array<i64: 9, 9>, padding = array<i64: 1, 1, 0, 1>, stride = array<i64: 1, 1>} : tensor<1x1x9x18xf64> -> tensor<1x1x2x4xf64>, tensor<1x1x2x4xi32>
  return %r0, %r1 : tensor<1x1x2x4xf64>, tensor<1x1x2x4xi32>
}

func.func @line(%x: tensor<2x1x5xf64>) -> (tensor<2x1x2xf64>, tensor<2x1x2xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : tensor<2x1x5xf64> -> tensor<2x1x2xf64>, tensor<2x1x2xi32>
  return %r0, %r1 : tensor<2x1x2xf64>, tensor<2x1x2xi32>
}

func.func @space(%x: tensor<1x1x2x4x2xf64>) -> (tensor<1x1x1x2x2xf64>, tensor<1x1x1x2x2xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1, 1>, kernel = array<i64: 2, 2, 1>, padding = array<i64: 0, 0, 0>, stride = array<i64: 2, 2, 1>} : tensor<1x1x2x4x2xf64> -> tensor<1x1x1x2x2xf64>, tensor<1x1x1x2x2xi32>
  return %r0, %r1 : tensor<1x1x1x2x2xf64>, tensor<1x1x1x2x2xi32>
}

func.func @wide(%x: tensor<2x33x6x6xf32>) -> (tensor<2x33x3x3xf32>, tensor<2x33x3x3xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<2x33x6x6xf32> -> tensor<2x33x3x3xf32>, tensor<2x33x3x3xi32>
  return %r0, %r1 : tensor<2x33x3x3xf32>, tensor<2x33x3x3xi32>
}

func.func @halves(%x: tensor<1x1x4x4xf16>) -> (tensor<1x1x2x2xf16>, tensor<1x1x2x2xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x1x4x4xf16> -> tensor<1x1x2x2xf16>, tensor<1x1x2x2xi32>
  return %r0, %r1 : tensor<1x1x2x2xf16>, tensor<1x1x2x2xi32>
}

func.func @integers(%x: tensor<1x1x4x4xi32>) -> (tensor<1x1x2x2xi32>, tensor<1x1x2x2xi32>) {
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x1x4x4xi32> -> tensor<1x1x2x2xi32>, tensor<1x1x2x2xi32>
  return %r0, %r1 : tensor<1x1x2x2xi32>, tensor<1x1x2x2xi32>
}

func.func @unsigned() -> (tensor<1x1x2xui8>, tensor<1x1x2xi32>) attributes {
  varve.want = [dense<[[[200, 255]]]> : tensor<1x1x2xui8>,
                dense<[[[2, 2]]]> : tensor<1x1x2xi32>]
} {
  %x = varve.constant dense<[[[3, 200, 100, 255]]]> : tensor<1x1x4xui8>
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1>, kernel = array<i64: 3>, padding = array<i64: 1>, stride = array<i64: 2>} : tensor<1x1x4xui8> -> tensor<1x1x2xui8>, tensor<1x1x2xi32>
  return %r0, %r1 : tensor<1x1x2xui8>, tensor<1x1x2xi32>
}

func.func @nan() -> (tensor<1x1x2xf64>, tensor<1x1x2xi32>) attributes {
  varve.want = [dense<[[[0x7FF8000000000000, 2.0]]]> : tensor<1x1x2xf64>,
                dense<[[[1, 0]]]> : tensor<1x1x2xi32>]
} {
  %x = varve.constant dense<[[[3.0, 0x7FF8000000000000, 2.0, 1.0]]]> : tensor<1x1x4xf64>
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 2>} : tensor<1x1x4xf64> -> tensor<1x1x2xf64>, tensor<1x1x2xi32>
  return %r0, %r1 : tensor<1x1x2xf64>, tensor<1x1x2xi32>
}

// PyTorch's. Equal elements: the first.
func.func @values() -> (tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>) attributes {
  varve.want = [dense<[[[[3.0, 5.0, 5.0], [4.0, 5.0, 5.0]]]]> : tensor<1x1x2x3xf64>,
                dense<[[[[5, 8, 6], [5, 2, 0]]]]> : tensor<1x1x2x3xi32>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1, 1>, kernel = array<i64: 3, 3>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x1x4x5xf64> -> tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>
  return %r0, %r1 : tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>
}

func.func @values_ceil() -> (tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>) attributes {
  varve.want = [dense<[[[[3.0, 5.0, 1.0], [4.0, 5.0, 2.0]]]]> : tensor<1x1x2x3xf64>,
                dense<[[[[1, 3, 2], [1, 1, 2]]]]> : tensor<1x1x2x3xi32>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r0, %r1 = varve.max_pool %x {ceil = true, dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<1x1x4x5xf64> -> tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>
  return %r0, %r1 : tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>
}

func.func @values_gaps() -> (tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>) attributes {
  varve.want = [dense<[[[[4.0, 5.0, 5.0], [3.0, 5.0, 5.0]]]]> : tensor<1x1x2x3xf64>,
                dense<[[[[4, 5, 4], [0, 2, 1]]]]> : tensor<1x1x2x3xi32>]
} {
  %x = varve.constant dense<[[[[1.0, 3.0, 2.0, 3.0, 0.0], [3.0, 2.0, 2.0, 5.0, 1.0], [0.0, 4.0, 4.0, 5.0, -1.0], [-2.0, 1.0, 0.0, -3.0, 2.0]]]]> : tensor<1x1x4x5xf64>
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 2, 1>, kernel = array<i64: 2, 3>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<1x1x4x5xf64> -> tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>
  return %r0, %r1 : tensor<1x1x2x3xf64>, tensor<1x1x2x3xi32>
}

// -----

// max_pool C1
func.func @c1(%x: tensor<4x4xf32>) {
  // expected-error @+1 {{has no axis after its channels}}
  %r0, %r1 = varve.max_pool %x {dilation = array<i64>, kernel = array<i64>, padding = array<i64>, stride = array<i64>} : tensor<4x4xf32> -> tensor<4x4xf32>, tensor<4x4xi32>
  return
}

// -----

// max_pool C2
func.func @c2(%x: tensor<1x1x4xf32>) {
  // expected-error @+1 {{do not suit 1 axes}}
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 0>, stride = array<i64: 0>} : tensor<1x1x4xf32> -> tensor<1x1x2xf32>, tensor<1x1x2xi32>
  return
}

// -----

// max_pool C3
func.func @c3(%x: tensor<1x1x4xf32>) {
  // expected-error @+1 {{padded by 2 and 2, would have none}}
  %r0, %r1 = varve.max_pool %x {dilation = array<i64: 1>, kernel = array<i64: 2>, padding = array<i64: 2>, stride = array<i64: 2>} : tensor<1x1x4xf32> -> tensor<1x1x4xf32>, tensor<1x1x4xi32>
  return
}
