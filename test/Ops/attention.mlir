// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @plain
// CHECK: varve.attention %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x3xf64>) -> (tensor<2x3x3xf64>, tensor<2x3xf64>)
func.func @plain(%q: tensor<2x3x2xf64>, %k: tensor<2x4x2xf64>, %v: tensor<2x4x3xf64>) -> (tensor<2x3x3xf64>, tensor<2x3xf64>) {
  %y, %s = varve.attention %q, %k, %v : (tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x3xf64>) -> (tensor<2x3x3xf64>, tensor<2x3xf64>)
  return %y, %s : tensor<2x3x3xf64>, tensor<2x3xf64>
}

func.func @no_lead(%q: tensor<3x2xf64>, %k: tensor<4x2xf64>, %v: tensor<4x2xf64>) -> tensor<3x2xf64> {
  %y, %s = varve.attention %q, %k, %v {scale = 0.3 : f64} : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return %y : tensor<3x2xf64>
}

// Two blocks of two rows, and one row that is left.
func.func @causal_blocks(%q: tensor<2x5x2xf64>, %k: tensor<2x5x2xf64>, %v: tensor<2x5x2xf64>) -> tensor<2x5x2xf64> {
  %y, %s = varve.attention %q, %k, %v {causal = true, rows = 2 : i64} : (tensor<2x5x2xf64>, tensor<2x5x2xf64>, tensor<2x5x2xf64>) -> (tensor<2x5x2xf64>, tensor<2x5xf64>)
  return %y : tensor<2x5x2xf64>
}

// Two query heads share each key head; a mask for each sample.
func.func @grouped(%q: tensor<2x4x3x2xf64>, %k: tensor<2x2x4x2xf64>, %v: tensor<2x2x4x2xf64>) -> (tensor<2x4x3x2xf64>, tensor<2x4x3xf64>) {
  %all = varve.constant dense<[[[[true, false, true, true]]], [[[true, true, false, false]]]]> : tensor<2x1x1x4xi1>
  %y, %s = varve.attention %q, %k, %v, %all {rows = 2 : i64} : (tensor<2x4x3x2xf64>, tensor<2x2x4x2xf64>, tensor<2x2x4x2xf64>, tensor<2x1x1x4xi1>) -> (tensor<2x4x3x2xf64>, tensor<2x4x3xf64>)
  return %y, %s : tensor<2x4x3x2xf64>, tensor<2x4x3xf64>
}

// A mask by row, in blocks; no query sees the third key.
func.func @mask_by_row(%q: tensor<2x4x2xf64>, %k: tensor<2x3x2xf64>, %v: tensor<2x3x2xf64>) -> tensor<2x4x2xf64> {
  %m = varve.constant dense<[[true, false, false], [true, true, false], [false, true, false], [true, true, false]]> : tensor<4x3xi1>
  %y, %s = varve.attention %q, %k, %v, %m {causal = true, rows = 2 : i64} : (tensor<2x4x2xf64>, tensor<2x3x2xf64>, tensor<2x3x2xf64>, tensor<4x3xi1>) -> (tensor<2x4x2xf64>, tensor<2x4xf64>)
  return %y : tensor<2x4x2xf64>
}

// Query 1 sees nothing.
func.func @nothing(%q: tensor<2x2xf64>, %k: tensor<3x2xf64>, %v: tensor<3x2xf64>) -> tensor<2x2xf64> {
  %m = varve.constant dense<[[true, false, true], [false, false, false]]> : tensor<2x3xi1>
  %y, %s = varve.attention %q, %k, %v, %m : (tensor<2x2xf64>, tensor<3x2xf64>, tensor<3x2xf64>, tensor<2x3xi1>) -> (tensor<2x2xf64>, tensor<2xf64>)
  return %y : tensor<2x2xf64>
}

func.func @dropout(%q: tensor<2x5x2xf64>, %k: tensor<2x4x2xf64>, %v: tensor<2x4x2xf64>, %seed: tensor<i64>, %step: tensor<i64>) -> tensor<2x5x2xf64> {
  %y, %s = varve.attention %q, %k, %v, %seed, %step {dropout = 0.4 : f64, stream = 77 : i64, rows = 2 : i64} : (tensor<2x5x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>, tensor<i64>, tensor<i64>) -> (tensor<2x5x2xf64>, tensor<2x5xf64>)
  return %y : tensor<2x5x2xf64>
}

func.func @single(%q: tensor<2x3x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x4xf32>) -> tensor<2x3x4xf32> {
  %y, %s = varve.attention %q, %k, %v : (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x5x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3xf32>)
  return %y : tensor<2x3x4xf32>
}

func.func @no_keys(%q: tensor<2x3x2xf64>, %k: tensor<2x0x2xf64>, %v: tensor<2x0x2xf64>) -> tensor<2x3x2xf64> {
  %y, %s = varve.attention %q, %k, %v : (tensor<2x3x2xf64>, tensor<2x0x2xf64>, tensor<2x0x2xf64>) -> (tensor<2x3x2xf64>, tensor<2x3xf64>)
  return %y : tensor<2x3x2xf64>
}

// With q = 0 the weights are equal; log_sum is log 2, and log 1 where one key
// is seen. Scores of the second row are 0 and log 3, so that the weights are
// 1/4 and 3/4.
func.func @values() -> (tensor<2x2xf64>, tensor<2xf64>, tensor<2x2xf64>, tensor<2xf64>) attributes {
  varve.want = [dense<[[2.0, 3.0], [2.5, 3.5]]> : tensor<2x2xf64>,
                dense<[0.6931471805599453, 1.3862943611198906]> : tensor<2xf64>,
                dense<[[1.0, 2.0], [2.5, 3.5]]> : tensor<2x2xf64>,
                dense<[0.0, 1.3862943611198906]> : tensor<2xf64>]
} {
  %q = varve.constant dense<[[0.0], [1.0986122886681098]]> : tensor<2x1xf64>
  %k = varve.constant dense<[[0.0], [1.0]]> : tensor<2x1xf64>
  %v = varve.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %y, %s = varve.attention %q, %k, %v : (tensor<2x1xf64>, tensor<2x1xf64>, tensor<2x2xf64>) -> (tensor<2x2xf64>, tensor<2xf64>)
  %z, %t = varve.attention %q, %k, %v {causal = true} : (tensor<2x1xf64>, tensor<2x1xf64>, tensor<2x2xf64>) -> (tensor<2x2xf64>, tensor<2xf64>)
  return %y, %s, %z, %t : tensor<2x2xf64>, tensor<2xf64>, tensor<2x2xf64>, tensor<2xf64>
}

// -----

// attention C1
func.func @c1(%q: tensor<3x2xf64>, %k: tensor<4x2xf32>, %v: tensor<4x2xf64>) {
  // expected-error @+1 {{cannot attend from}}
  %y, %s = varve.attention %q, %k, %v : (tensor<3x2xf64>, tensor<4x2xf32>, tensor<4x2xf64>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return
}

// -----

// attention C2
func.func @c2(%q: tensor<5x3x2xf64>, %k: tensor<2x4x2xf64>, %v: tensor<2x4x2xf64>) {
  // expected-error @+1 {{do not fit together}}
  %y, %s = varve.attention %q, %k, %v : (tensor<5x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>) -> (tensor<5x3x2xf64>, tensor<5x3xf64>)
  return
}

// -----

// attention C3
func.func @c3(%q: tensor<3x2xf64>, %k: tensor<4x2xf64>, %v: tensor<5x2xf64>) {
  // expected-error @+1 {{there are 4 keys, but 5 values}}
  %y, %s = varve.attention %q, %k, %v : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<5x2xf64>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return
}

// -----

// attention C3
func.func @c3_widths(%q: tensor<3x2xf64>, %k: tensor<4x3xf64>, %v: tensor<4x2xf64>) {
  // expected-error @+1 {{queries have 2 numbers, keys 3}}
  %y, %s = varve.attention %q, %k, %v : (tensor<3x2xf64>, tensor<4x3xf64>, tensor<4x2xf64>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return
}

// -----

// attention C4
func.func @c4(%q: tensor<3x2xf64>, %k: tensor<4x2xf64>, %v: tensor<4x2xf64>, %m: tensor<2x4xi1>) {
  // expected-error @+1 {{does not suit scores of shape [3, 4]}}
  %y, %s = varve.attention %q, %k, %v, %m : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>, tensor<2x4xi1>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return
}

// -----

// attention C5
func.func @c5(%q: tensor<3x2xf64>, %k: tensor<4x2xf64>, %v: tensor<4x2xf64>) {
  // expected-error @+1 {{come with dropout}}
  %y, %s = varve.attention %q, %k, %v {dropout = 0.1 : f64} : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return
}

// -----

// attention C5
func.func @c5_range(%q: tensor<3x2xf64>, %k: tensor<4x2xf64>, %v: tensor<4x2xf64>) {
  // expected-error @+1 {{is not in [0, 1)}}
  %y, %s = varve.attention %q, %k, %v {dropout = 1.0 : f64} : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return
}

// -----

// attention C6
func.func @c6(%q: tensor<65536x2xf64>, %k: tensor<65536x2xf64>, %v: tensor<65536x2xf64>, %n: tensor<i64>) {
  // expected-error @+1 {{cannot draw}}
  %y, %s = varve.attention %q, %k, %v, %n, %n {dropout = 0.1 : f64, stream = 1 : i64} : (tensor<65536x2xf64>, tensor<65536x2xf64>, tensor<65536x2xf64>, tensor<i64>, tensor<i64>) -> (tensor<65536x2xf64>, tensor<65536xf64>)
  return
}

// -----

// attention C7
func.func @c7(%q: tensor<3x2xf64>, %k: tensor<4x2xf64>, %v: tensor<4x2xf64>) {
  // expected-error @+1 {{is not positive}}
  %y, %s = varve.attention %q, %k, %v {rows = 0 : i64} : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>) -> (tensor<3x2xf64>, tensor<3xf64>)
  return
}
