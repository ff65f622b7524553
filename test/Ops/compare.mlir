// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.compare "lt" %{{.*}}, %{{.*}} : tensor<2x3xf32>
func.func @matrix(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xi1> {
  %z = varve.compare "lt" %x, %y : tensor<2x3xf32>
  return %z : tensor<2x3xi1>
}

func.func @scalar(%x: tensor<i64>, %y: tensor<i64>) -> tensor<i1> {
  %z = varve.compare "eq" %x, %y : tensor<i64>
  return %z : tensor<i1>
}

func.func @floats()
    -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>,
        tensor<4xi1>) attributes {varve.want = [
  dense<[false, true, false, false]> : tensor<4xi1>,
  dense<[true, false, true, true]> : tensor<4xi1>,
  dense<[true, false, false, false]> : tensor<4xi1>,
  dense<[true, true, false, false]> : tensor<4xi1>,
  dense<[false, false, true, false]> : tensor<4xi1>,
  dense<[false, true, true, false]> : tensor<4xi1>]
} {
  %x = varve.constant dense<[-1.0, 2.0, 3.0, 0x7FF8000000000000]> : tensor<4xf64>
  %y = varve.constant dense<[1.0, 2.0, -3.0, 0x7FF8000000000000]> : tensor<4xf64>
  %0 = varve.compare "eq" %x, %y : tensor<4xf64>
  %1 = varve.compare "ne" %x, %y : tensor<4xf64>
  %2 = varve.compare "lt" %x, %y : tensor<4xf64>
  %3 = varve.compare "le" %x, %y : tensor<4xf64>
  %4 = varve.compare "gt" %x, %y : tensor<4xf64>
  %5 = varve.compare "ge" %x, %y : tensor<4xf64>
  return %0, %1, %2, %3, %4, %5 : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>,
      tensor<4xi1>, tensor<4xi1>, tensor<4xi1>
}

// The same bits, 255 and -1, are large or small by their type.
func.func @signs() -> (tensor<1xi1>, tensor<1xi1>, tensor<2xi1>) attributes {
  varve.want = [dense<true> : tensor<1xi1>, dense<false> : tensor<1xi1>,
                dense<[true, false]> : tensor<2xi1>]
} {
  %a = varve.constant dense<255> : tensor<1xui8>
  %b = varve.constant dense<1> : tensor<1xui8>
  %c = varve.constant dense<-1> : tensor<1xi8>
  %d = varve.constant dense<1> : tensor<1xi8>
  %e = varve.constant dense<[true, false]> : tensor<2xi1>
  %f = varve.constant dense<[false, false]> : tensor<2xi1>
  %0 = varve.compare "gt" %a, %b : tensor<1xui8>
  %1 = varve.compare "gt" %c, %d : tensor<1xi8>
  %2 = varve.compare "gt" %e, %f : tensor<2xi1>
  return %0, %1, %2 : tensor<1xi1>, tensor<1xi1>, tensor<2xi1>
}

// -----

// compare C1
func.func @c1(%x: tensor<2xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{requires all operands to have the same type}}
  %z = "varve.compare"(%x, %y) {predicate = "eq"}
      : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xi1>
  return
}

// -----

// compare C2
func.func @c2(%x: tensor<2xf32>) {
  // expected-error @+1 {{unknown predicate "==="}}
  %z = varve.compare "===" %x, %x : tensor<2xf32>
  return
}
