// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s
// RUN: varve-opt %s -split-input-file -canonicalize -verify-diagnostics | FileCheck %s --check-prefix=FOLD

// CHECK-LABEL: @branch
// CHECK: varve.if %{{.*}}(%{{.*}}, %{{.*}}) : tensor<i1>, (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
// CHECK: } else {
func.func @branch(%c: tensor<i1>, %x: tensor<2xf64>, %y: tensor<2xf64>)
    -> tensor<2xf64> {
  %z = varve.if %c(%x, %y) : tensor<i1>, (tensor<2xf64>, tensor<2xf64>)
      -> tensor<2xf64> {
  ^bb0(%a: tensor<2xf64>, %b: tensor<2xf64>):
    %p = varve.mul %a, %b : tensor<2xf64>
    %q = varve.exp %p : tensor<2xf64>
    varve.yield %q : tensor<2xf64>
  } else {
  ^bb0(%a: tensor<2xf64>, %b: tensor<2xf64>):
    varve.yield %a : tensor<2xf64>
  }
  return %z : tensor<2xf64>
}

// One value twice; two results, of which one carries no gradient.
func.func @both(%x: tensor<f64>, %i: tensor<ui8>)
    -> (tensor<f64>, tensor<ui8>) {
  %zero = varve.constant dense<0.0> : tensor<f64>
  %c = varve.compare "lt" %x, %zero : tensor<f64>
  %z, %j = varve.if %c(%x, %x, %i) : tensor<i1>,
      (tensor<f64>, tensor<f64>, tensor<ui8>) -> (tensor<f64>, tensor<ui8>) {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>, %k: tensor<ui8>):
    %p = varve.mul %a, %b : tensor<f64>
    varve.yield %p, %k : tensor<f64>, tensor<ui8>
  } else {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>, %k: tensor<ui8>):
    %p = varve.mul %a, %b : tensor<f64>
    %q = varve.sin %p : tensor<f64>
    %f = varve.cast %k {to = f64} : tensor<ui8> -> tensor<f64>
    %r = varve.add %q, %f : tensor<f64>
    varve.yield %r, %k : tensor<f64>, tensor<ui8>
  }
  return %z, %j : tensor<f64>, tensor<ui8>
}

// FOLD-LABEL: @values
// FOLD-NOT: varve.if
func.func @values() -> (tensor<i32>, tensor<i32>) attributes {
  varve.want = [dense<3> : tensor<i32>, dense<4> : tensor<i32>]
} {
  %yes = varve.constant dense<true> : tensor<i1>
  %no = varve.constant dense<false> : tensor<i1>
  %x = varve.constant dense<3> : tensor<i32>
  %y = varve.constant dense<4> : tensor<i32>
  %a = varve.if %yes(%x, %y) : tensor<i1>, (tensor<i32>, tensor<i32>)
      -> tensor<i32> {
  ^bb0(%p: tensor<i32>, %q: tensor<i32>):
    varve.yield %p : tensor<i32>
  } else {
  ^bb0(%p: tensor<i32>, %q: tensor<i32>):
    varve.yield %q : tensor<i32>
  }
  %b = varve.if %no(%x, %y) : tensor<i1>, (tensor<i32>, tensor<i32>)
      -> tensor<i32> {
  ^bb0(%p: tensor<i32>, %q: tensor<i32>):
    varve.yield %p : tensor<i32>
  } else {
  ^bb0(%p: tensor<i32>, %q: tensor<i32>):
    varve.yield %q : tensor<i32>
  }
  return %a, %b : tensor<i32>, tensor<i32>
}

// -----

// if C1
func.func @c1(%c: tensor<1xi1>) {
  // expected-error @+1 {{condition is 'tensor<1xi1>', not of rank 0}}
  varve.if %c() : tensor<1xi1>, () -> () {
    varve.yield
  } else {
    varve.yield
  }
  return
}

// -----

// if C2
func.func @c2(%c: tensor<i1>, %x: tensor<f32>) {
  // expected-error @+1 {{the second region takes ()}}
  %y = varve.if %c(%x) : tensor<i1>, (tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    varve.yield %a : tensor<f32>
  } else {
    %b = varve.constant dense<0.0> : tensor<f32>
    varve.yield %b : tensor<f32>
  }
  return
}

// -----

// if C3
func.func @c3(%c: tensor<i1>, %x: tensor<f32>) {
  // expected-error @+1 {{the first region yields ('tensor<f32>', 'tensor<f32>'), not ('tensor<f32>')}}
  %y = varve.if %c(%x) : tensor<i1>, (tensor<f32>) -> tensor<f32> {
  ^bb0(%a: tensor<f32>):
    varve.yield %a, %a : tensor<f32>, tensor<f32>
  } else {
  ^bb0(%a: tensor<f32>):
    varve.yield %a : tensor<f32>
  }
  return
}
