// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// Doubles while the number is small, three times at most: the bound gives it
// a gradient.
// CHECK-LABEL: @bounded
// CHECK: varve.while(%{{.*}}) with(%{{.*}} : tensor<f64>) : (tensor<f64>) -> tensor<f64>
// CHECK: } do {
// CHECK: attributes {bound = 3 : i64}
func.func @bounded(%x: tensor<f64>, %factor: tensor<f64> {varve.range = [1.5, 2.5]})
    -> tensor<f64> {
  %y = varve.while(%x) with(%factor : tensor<f64>)
      : (tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>, %f: tensor<f64>):
    %limit = varve.constant dense<3.0> : tensor<f64>
    %more = varve.compare "lt" %a, %limit : tensor<f64>
    varve.yield %more : tensor<i1>
  } do {
  ^bb0(%a: tensor<f64>, %f: tensor<f64>):
    %b = varve.mul %a, %f : tensor<f64>
    %c = varve.mul %b, %b : tensor<f64>
    varve.yield %c : tensor<f64>
  } attributes {bound = 3 : i64}
  return %y : tensor<f64>
}

// A condition that ends it before the bound does.
func.func @ends(%x: tensor<2xf64>) -> tensor<2xf64> {
  %zero = varve.constant dense<0> : tensor<i64>
  %y, %n = varve.while(%x, %zero)
      : (tensor<2xf64>, tensor<i64>) -> (tensor<2xf64>, tensor<i64>) {
  ^bb0(%a: tensor<2xf64>, %i: tensor<i64>):
    %two = varve.constant dense<2> : tensor<i64>
    %more = varve.compare "lt" %i, %two : tensor<i64>
    varve.yield %more : tensor<i1>
  } do {
  ^bb0(%a: tensor<2xf64>, %i: tensor<i64>):
    %one = varve.constant dense<1> : tensor<i64>
    %j = varve.add %i, %one : tensor<i64>
    %b = varve.sin %a : tensor<2xf64>
    varve.yield %b, %j : tensor<2xf64>, tensor<i64>
  } attributes {bound = 5 : i64}
  return %y : tensor<2xf64>
}

// Powers of 3 up to the first above 50; of 0 steps; of a bound.
func.func @values() -> (tensor<i64>, tensor<i64>, tensor<i64>) attributes {
  varve.want = [dense<81> : tensor<i64>, dense<100> : tensor<i64>,
                dense<9> : tensor<i64>]
} {
  %one = varve.constant dense<1> : tensor<i64>
  %hundred = varve.constant dense<100> : tensor<i64>
  %three = varve.constant dense<3> : tensor<i64>
  %x = varve.while(%one) with(%three : tensor<i64>)
      : (tensor<i64>) -> tensor<i64> {
  ^bb0(%a: tensor<i64>, %f: tensor<i64>):
    %limit = varve.constant dense<50> : tensor<i64>
    %more = varve.compare "le" %a, %limit : tensor<i64>
    varve.yield %more : tensor<i1>
  } do {
  ^bb0(%a: tensor<i64>, %f: tensor<i64>):
    %b = varve.mul %a, %f : tensor<i64>
    varve.yield %b : tensor<i64>
  }
  %y = varve.while(%hundred) with(%three : tensor<i64>)
      : (tensor<i64>) -> tensor<i64> {
  ^bb0(%a: tensor<i64>, %f: tensor<i64>):
    %limit = varve.constant dense<50> : tensor<i64>
    %more = varve.compare "le" %a, %limit : tensor<i64>
    varve.yield %more : tensor<i1>
  } do {
  ^bb0(%a: tensor<i64>, %f: tensor<i64>):
    %b = varve.mul %a, %f : tensor<i64>
    varve.yield %b : tensor<i64>
  }
  %z = varve.while(%one) with(%three : tensor<i64>)
      : (tensor<i64>) -> tensor<i64> {
  ^bb0(%a: tensor<i64>, %f: tensor<i64>):
    %more = varve.constant dense<true> : tensor<i1>
    varve.yield %more : tensor<i1>
  } do {
  ^bb0(%a: tensor<i64>, %f: tensor<i64>):
    %b = varve.mul %a, %f : tensor<i64>
    varve.yield %b : tensor<i64>
  } attributes {bound = 2 : i64}
  return %x, %y, %z : tensor<i64>, tensor<i64>, tensor<i64>
}

// -----

// while C1
func.func @c1(%x: tensor<f32>) {
  // expected-error @+1 {{the condition takes ('tensor<f64>'), not ('tensor<f32>')}}
  %y = varve.while(%x)
      : (tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f64>):
    %more = varve.compare "lt" %a, %a : tensor<f64>
    varve.yield %more : tensor<i1>
  } do {
  ^bb0(%a: tensor<f32>):
    varve.yield %a : tensor<f32>
  }
  return
}

// -----

// while C2
func.func @c2(%x: tensor<1xf32>) {
  // expected-error @+1 {{the condition yields ('tensor<1xi1>'), not ('tensor<i1>')}}
  %y = varve.while(%x)
      : (tensor<1xf32>) -> tensor<1xf32> {
  ^bb0(%a: tensor<1xf32>):
    %more = varve.compare "lt" %a, %a : tensor<1xf32>
    varve.yield %more : tensor<1xi1>
  } do {
  ^bb0(%a: tensor<1xf32>):
    varve.yield %a : tensor<1xf32>
  }
  return
}

// -----

// while C3
func.func @c3(%x: tensor<f32>) {
  // expected-error @+1 {{the body yields (), not ('tensor<f32>')}}
  %y = varve.while(%x)
      : (tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    %more = varve.compare "lt" %a, %a : tensor<f32>
    varve.yield %more : tensor<i1>
  } do {
  ^bb0(%a: tensor<f32>):
    varve.yield
  }
  return
}

// -----

// while C4
func.func @c4(%x: tensor<f32>) {
  // expected-error @+1 {{bound -1 is negative}}
  %y = varve.while(%x)
      : (tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    %more = varve.compare "lt" %a, %a : tensor<f32>
    varve.yield %more : tensor<i1>
  } do {
  ^bb0(%a: tensor<f32>):
    varve.yield %a : tensor<f32>
  } attributes {bound = -1 : i64}
  return
}
