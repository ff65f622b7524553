// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @plain
// CHECK: varve.attention_grad
// CHECK-SAME: -> (tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x3xf64>)
func.func @plain(%a0: tensor<2x3x2xf64>, %a1: tensor<2x4x2xf64>, %a2: tensor<2x4x3xf64>, %a3: tensor<2x3xf64>, %a4: tensor<2x3x3xf64>, %a5: tensor<2x3xf64>) -> (tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x3xf64>) {
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 : (tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x3xf64>, tensor<2x3xf64>, tensor<2x3x3xf64>, tensor<2x3xf64>) -> (tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x3xf64>)
  return %q, %k, %v : tensor<2x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x3xf64>
}

func.func @no_lead(%a0: tensor<3x2xf64>, %a1: tensor<4x2xf64>, %a2: tensor<4x2xf64>, %a3: tensor<3xf64>, %a4: tensor<3x2xf64>, %a5: tensor<3xf64>) -> (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>) {
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 {scale = 0.3 : f64} : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>, tensor<3xf64>, tensor<3x2xf64>, tensor<3xf64>) -> (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>)
  return %q, %k, %v : tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>
}

// Two blocks of two rows, and one row that is left.
func.func @causal_blocks(%a0: tensor<2x5x2xf64>, %a1: tensor<2x5x2xf64>, %a2: tensor<2x5x2xf64>, %a3: tensor<2x5xf64>, %a4: tensor<2x5x2xf64>, %a5: tensor<2x5xf64>) -> (tensor<2x5x2xf64>, tensor<2x5x2xf64>, tensor<2x5x2xf64>) {
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 {causal = true, rows = 2 : i64} : (tensor<2x5x2xf64>, tensor<2x5x2xf64>, tensor<2x5x2xf64>, tensor<2x5xf64>, tensor<2x5x2xf64>, tensor<2x5xf64>) -> (tensor<2x5x2xf64>, tensor<2x5x2xf64>, tensor<2x5x2xf64>)
  return %q, %k, %v : tensor<2x5x2xf64>, tensor<2x5x2xf64>, tensor<2x5x2xf64>
}

// Two query heads share each key head.
func.func @grouped(%a0: tensor<2x4x3x2xf64>, %a1: tensor<2x2x4x2xf64>, %a2: tensor<2x2x4x2xf64>, %a3: tensor<2x4x3xf64>, %a4: tensor<2x4x3x2xf64>, %a5: tensor<2x4x3xf64>) -> (tensor<2x4x3x2xf64>, tensor<2x2x4x2xf64>, tensor<2x2x4x2xf64>) {
  %m = varve.constant dense<[[[[true, false, true, true]]], [[[true, true, false, false]]]]> : tensor<2x1x1x4xi1>
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5, %m {rows = 2 : i64} : (tensor<2x4x3x2xf64>, tensor<2x2x4x2xf64>, tensor<2x2x4x2xf64>, tensor<2x4x3xf64>, tensor<2x4x3x2xf64>, tensor<2x4x3xf64>, tensor<2x1x1x4xi1>) -> (tensor<2x4x3x2xf64>, tensor<2x2x4x2xf64>, tensor<2x2x4x2xf64>)
  return %q, %k, %v : tensor<2x4x3x2xf64>, tensor<2x2x4x2xf64>, tensor<2x2x4x2xf64>
}

func.func @dropout(%a0: tensor<2x5x2xf64>, %a1: tensor<2x4x2xf64>, %a2: tensor<2x4x2xf64>, %a3: tensor<2x5xf64>, %a4: tensor<2x5x2xf64>, %a5: tensor<2x5xf64>, %seed: tensor<i64>, %step: tensor<i64>) -> (tensor<2x5x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>) {
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5, %seed, %step {dropout = 0.4 : f64, stream = 77 : i64, rows = 2 : i64} : (tensor<2x5x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>, tensor<2x5xf64>, tensor<2x5x2xf64>, tensor<2x5xf64>, tensor<i64>, tensor<i64>) -> (tensor<2x5x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>)
  return %q, %k, %v : tensor<2x5x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>
}

// Scores 0 and log 3 have weights 1/4 and 3/4; y is 2.5.
func.func @values() -> (tensor<1x1xf64>, tensor<2x1xf64>, tensor<2x1xf64>) attributes {
  varve.want = [dense<0.375> : tensor<1x1xf64>, dense<[[-0.41197960825054114], [0.41197960825054114]]> : tensor<2x1xf64>,
                dense<[[0.25], [0.75]]> : tensor<2x1xf64>]
} {
  %q = varve.constant dense<1.0986122886681098> : tensor<1x1xf64>
  %k = varve.constant dense<[[0.0], [1.0]]> : tensor<2x1xf64>
  %v = varve.constant dense<[[1.0], [3.0]]> : tensor<2x1xf64>
  %log = varve.constant dense<1.3862943611198906> : tensor<1xf64>
  %dy = varve.constant dense<1.0> : tensor<1x1xf64>
  %shift = varve.constant dense<2.5> : tensor<1xf64>
  %a, %b, %c = varve.attention_grad %q, %k, %v, %log, %dy, %shift : (tensor<1x1xf64>, tensor<2x1xf64>, tensor<2x1xf64>, tensor<1xf64>, tensor<1x1xf64>, tensor<1xf64>) -> (tensor<1x1xf64>, tensor<2x1xf64>, tensor<2x1xf64>)
  return %a, %b, %c : tensor<1x1xf64>, tensor<2x1xf64>, tensor<2x1xf64>
}

// -----

// attention_grad C1
func.func @c1(%a0: tensor<3x2xf64>, %a1: tensor<4x2xf32>, %a2: tensor<4x2xf64>, %a3: tensor<3xf64>, %a4: tensor<3x2xf64>, %a5: tensor<3xf64>) {
  // expected-error @+1 {{cannot attend from}}
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 : (tensor<3x2xf64>, tensor<4x2xf32>, tensor<4x2xf64>, tensor<3xf64>, tensor<3x2xf64>, tensor<3xf64>) -> (tensor<3x2xf64>, tensor<4x2xf32>, tensor<4x2xf64>)
  return
}

// -----

// attention_grad C2
func.func @c2(%a0: tensor<5x3x2xf64>, %a1: tensor<2x4x2xf64>, %a2: tensor<2x4x2xf64>, %a3: tensor<5x3xf64>, %a4: tensor<5x3x2xf64>, %a5: tensor<5x3xf64>) {
  // expected-error @+1 {{do not fit together}}
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 : (tensor<5x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>, tensor<5x3xf64>, tensor<5x3x2xf64>, tensor<5x3xf64>) -> (tensor<5x3x2xf64>, tensor<2x4x2xf64>, tensor<2x4x2xf64>)
  return
}

// -----

// attention_grad C3
func.func @c3(%a0: tensor<3x2xf64>, %a1: tensor<4x2xf64>, %a2: tensor<5x2xf64>, %a3: tensor<3xf64>, %a4: tensor<3x2xf64>, %a5: tensor<3xf64>) {
  // expected-error @+1 {{there are 4 keys, but 5 values}}
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<5x2xf64>, tensor<3xf64>, tensor<3x2xf64>, tensor<3xf64>) -> (tensor<3x2xf64>, tensor<4x2xf64>, tensor<5x2xf64>)
  return
}

// -----

// attention_grad C4
func.func @c4(%a0: tensor<3x2xf64>, %a1: tensor<4x2xf64>, %a2: tensor<4x2xf64>, %a3: tensor<3xf64>, %a4: tensor<3x2xf64>, %a5: tensor<3xf64>, %m: tensor<2x4xi1>) {
  // expected-error @+1 {{does not suit scores of shape}}
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5, %m : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>, tensor<3xf64>, tensor<3x2xf64>, tensor<3xf64>, tensor<2x4xi1>) -> (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>)
  return
}

// -----

// attention_grad C5
func.func @c5(%a0: tensor<3x2xf64>, %a1: tensor<4x2xf64>, %a2: tensor<4x2xf64>, %a3: tensor<3xf64>, %a4: tensor<3x2xf64>, %a5: tensor<3xf64>) {
  // expected-error @+1 {{come with dropout}}
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 {dropout = 0.1 : f64} : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>, tensor<3xf64>, tensor<3x2xf64>, tensor<3xf64>) -> (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>)
  return
}

// -----

// attention_grad C6
func.func @c6(%a0: tensor<65536x2xf64>, %a1: tensor<65536x2xf64>, %a2: tensor<65536x2xf64>, %a3: tensor<65536xf64>, %a4: tensor<65536x2xf64>, %a5: tensor<65536xf64>, %n: tensor<i64>) {
  // expected-error @+1 {{cannot draw}}
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5, %n, %n {dropout = 0.1 : f64, stream = 1 : i64} : (tensor<65536x2xf64>, tensor<65536x2xf64>, tensor<65536x2xf64>, tensor<65536xf64>, tensor<65536x2xf64>, tensor<65536xf64>, tensor<i64>, tensor<i64>) -> (tensor<65536x2xf64>, tensor<65536x2xf64>, tensor<65536x2xf64>)
  return
}

// -----

// attention_grad C7
func.func @c7(%a0: tensor<3x2xf64>, %a1: tensor<4x2xf64>, %a2: tensor<4x2xf64>, %a3: tensor<3xf64>, %a4: tensor<3x2xf64>, %a5: tensor<3xf64>) {
  // expected-error @+1 {{is not positive}}
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 {rows = 0 : i64} : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>, tensor<3xf64>, tensor<3x2xf64>, tensor<3xf64>) -> (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>)
  return
}

// -----

// attention_grad C8
func.func @c8(%a0: tensor<3x2xf64>, %a1: tensor<4x2xf64>, %a2: tensor<4x2xf64>, %a3: tensor<3xf64>, %a4: tensor<3x1xf64>, %a5: tensor<3xf64>) {
  // expected-error @+1 {{does not suit}}
  %q, %k, %v = varve.attention_grad %a0, %a1, %a2, %a3, %a4, %a5 : (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>, tensor<3xf64>, tensor<3x1xf64>, tensor<3xf64>) -> (tensor<3x2xf64>, tensor<4x2xf64>, tensor<4x2xf64>)
  return
}
