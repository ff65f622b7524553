// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// A recurrent layer along axis 1: h' = tanh(x_t + h w).
// CHECK-LABEL: @recurrent
// CHECK: varve.scan(%{{.*}}) over(%{{.*}} : tensor<2x4x3xf64>) with(%{{.*}} : tensor<3x3xf64>) : (tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x4x3xf64>)
// CHECK: attributes {axis = array<i64: 1>, length = 4 : i64, out_axis = array<i64: 1>}
func.func @recurrent(%h: tensor<2x3xf64>, %x: tensor<2x4x3xf64>,
                     %w: tensor<3x3xf64>)
    -> (tensor<2x3xf64>, tensor<2x4x3xf64>) {
  %last, %all = varve.scan(%h) over(%x : tensor<2x4x3xf64>) with(%w : tensor<3x3xf64>)
      : (tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x4x3xf64>) {
  ^bb0(%a: tensor<2x3xf64>, %row: tensor<2x3xf64>, %m: tensor<3x3xf64>):
    %p = varve.matmul %a, %m : tensor<2x3xf64>, tensor<3x3xf64>
        -> tensor<2x3xf64>
    %q = varve.add %p, %row : tensor<2x3xf64>
    %b = varve.tanh %q : tensor<2x3xf64>
    varve.yield %b, %b : tensor<2x3xf64>, tensor<2x3xf64>
  } attributes {length = 4 : i64, axis = array<i64: 1>, out_axis = array<i64: 1>}
  return %last, %all : tensor<2x3xf64>, tensor<2x4x3xf64>
}

// Backwards, over two sequences, an integer carried along, one value twice.
func.func @backwards(%h: tensor<f64>, %x: tensor<3xf64>, %i: tensor<3xui8>)
    -> (tensor<f64>, tensor<3xf64>) {
  %zero = varve.constant dense<0> : tensor<i64>
  %last, %count, %all = varve.scan(%h, %zero) over(%x, %i, %x : tensor<3xf64>, tensor<3xui8>, tensor<3xf64>) with(%h : tensor<f64>)
      : (tensor<f64>, tensor<i64>) -> (tensor<f64>, tensor<i64>, tensor<3xf64>) {
  ^bb0(%a: tensor<f64>, %n: tensor<i64>, %u: tensor<f64>, %k: tensor<ui8>,
       %v: tensor<f64>, %c: tensor<f64>):
    %one = varve.constant dense<1> : tensor<i64>
    %m = varve.add %n, %one : tensor<i64>
    %f = varve.cast %k {to = f64} : tensor<ui8> -> tensor<f64>
    %g = varve.cast %m {to = f64} : tensor<i64> -> tensor<f64>
    %p = varve.mul %a, %u : tensor<f64>
    %q = varve.add %p, %f : tensor<f64>
    %r = varve.mul %v, %g : tensor<f64>
    %s = varve.add %q, %r : tensor<f64>
    %t = varve.mul %s, %c : tensor<f64>
    varve.yield %t, %m, %r : tensor<f64>, tensor<i64>, tensor<f64>
  } attributes {length = 3 : i64, axis = array<i64: 0, 0, 0>,
                out_axis = array<i64: 0>, reverse}
  return %last, %all : tensor<f64>, tensor<3xf64>
}

// Only outputs, no carried value: a map.
func.func @map(%x: tensor<2x3xf64>) -> tensor<3x2xf64> {
  %all = varve.scan() over(%x : tensor<2x3xf64>)
      : () -> tensor<3x2xf64> {
  ^bb0(%row: tensor<3xf64>):
    %y = varve.exp %row : tensor<3xf64>
    varve.yield %y : tensor<3xf64>
  } attributes {length = 2 : i64, axis = array<i64: 0>, out_axis = array<i64: 1>}
  return %all : tensor<3x2xf64>
}

// Only a carried value.
func.func @power(%x: tensor<f64>) -> tensor<f64> {
  %one = varve.constant dense<1.0> : tensor<f64>
  %y = varve.scan(%one) with(%x : tensor<f64>)
      : (tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    %c = varve.mul %a, %b : tensor<f64>
    varve.yield %c : tensor<f64>
  } attributes {length = 4 : i64, axis = array<i64>, out_axis = array<i64>}
  return %y : tensor<f64>
}

// Two carried values that change places.
func.func @swap(%x: tensor<2xf64>, %y: tensor<2xf64>)
    -> (tensor<2xf64>, tensor<2xf64>) {
  %a, %b = varve.scan(%x, %y) : (tensor<2xf64>, tensor<2xf64>)
      -> (tensor<2xf64>, tensor<2xf64>) {
  ^bb0(%p: tensor<2xf64>, %q: tensor<2xf64>):
    varve.yield %q, %p : tensor<2xf64>, tensor<2xf64>
  } attributes {length = 3 : i64, axis = array<i64>, out_axis = array<i64>}
  return %a, %b : tensor<2xf64>, tensor<2xf64>
}

// Fibonacci's numbers: the second value moves to the first place.
func.func @fibonacci() -> (tensor<i64>, tensor<i64>) attributes {
  varve.want = [dense<8> : tensor<i64>, dense<13> : tensor<i64>]
} {
  %zero = varve.constant dense<0> : tensor<i64>
  %one = varve.constant dense<1> : tensor<i64>
  %a, %b = varve.scan(%zero, %one) : (tensor<i64>, tensor<i64>)
      -> (tensor<i64>, tensor<i64>) {
  ^bb0(%p: tensor<i64>, %q: tensor<i64>):
    %r = varve.add %p, %q : tensor<i64>
    varve.yield %q, %r : tensor<i64>, tensor<i64>
  } attributes {length = 6 : i64, axis = array<i64>, out_axis = array<i64>}
  return %a, %b : tensor<i64>, tensor<i64>
}

func.func @values() -> (tensor<i32>, tensor<4xi32>, tensor<4xi32>) attributes {
  varve.want = [dense<10> : tensor<i32>, dense<[1, 3, 6, 10]> : tensor<4xi32>,
                dense<[10, 9, 7, 4]> : tensor<4xi32>]
} {
  %zero = varve.constant dense<0> : tensor<i32>
  %x = varve.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %last, %all = varve.scan(%zero) over(%x : tensor<4xi32>)
      : (tensor<i32>) -> (tensor<i32>, tensor<4xi32>) {
  ^bb0(%a: tensor<i32>, %b: tensor<i32>):
    %c = varve.add %a, %b : tensor<i32>
    varve.yield %c, %c : tensor<i32>, tensor<i32>
  } attributes {length = 4 : i64, axis = array<i64: 0>, out_axis = array<i64: 0>}
  %end, %back = varve.scan(%zero) over(%x : tensor<4xi32>)
      : (tensor<i32>) -> (tensor<i32>, tensor<4xi32>) {
  ^bb0(%a: tensor<i32>, %b: tensor<i32>):
    %c = varve.add %a, %b : tensor<i32>
    varve.yield %c, %c : tensor<i32>, tensor<i32>
  } attributes {length = 4 : i64, axis = array<i64: 0>, out_axis = array<i64: 0>,
                reverse}
  return %last, %all, %back : tensor<i32>, tensor<4xi32>, tensor<4xi32>
}

// -----

// scan C1
func.func @c1(%x: tensor<3xf32>) {
  // expected-error @+1 {{axis 0 of 'tensor<3xf32>' is not of length 4}}
  varve.scan() over(%x : tensor<3xf32>)
      : () -> () {
  ^bb0(%a: tensor<f32>):
    varve.yield
  } attributes {length = 4 : i64, axis = array<i64: 0>, out_axis = array<i64>}
  return
}

// -----

// scan C2
func.func @c2(%x: tensor<3xf32>) {
  // expected-error @+1 {{the body takes ('tensor<3xf32>'), not ('tensor<f32>')}}
  varve.scan() over(%x : tensor<3xf32>)
      : () -> () {
  ^bb0(%a: tensor<3xf32>):
    varve.yield
  } attributes {length = 3 : i64, axis = array<i64: 0>, out_axis = array<i64>}
  return
}

// -----

// scan C3
func.func @c3(%x: tensor<f32>) {
  // expected-error @+1 {{yields 1 values for 1 carried and 1 outputs}}
  %y, %z = varve.scan(%x)
      : (tensor<f32>) -> (tensor<f32>, tensor<3xf32>) {
  ^bb0(%a: tensor<f32>):
    varve.yield %a : tensor<f32>
  } attributes {length = 3 : i64, axis = array<i64>, out_axis = array<i64: 0>}
  return
}

// -----

// scan C4
func.func @c4(%x: tensor<f32>) {
  // expected-error @+1 {{gives ('tensor<f32>', 'tensor<4xf32>'), not ('tensor<f32>', 'tensor<3xf32>')}}
  %y, %z = varve.scan(%x)
      : (tensor<f32>) -> (tensor<f32>, tensor<4xf32>) {
  ^bb0(%a: tensor<f32>):
    varve.yield %a, %a : tensor<f32>, tensor<f32>
  } attributes {length = 3 : i64, axis = array<i64>, out_axis = array<i64: 0>}
  return
}
