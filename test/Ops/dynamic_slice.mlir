// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @block
// CHECK: varve.dynamic_slice %{{.*}}[%{{.*}}, %{{.*}}] {size = array<i64: 2, 2>} : tensor<3x4xf64>, tensor<i64>, tensor<i64> -> tensor<2x2xf64>
func.func @block(%x: tensor<3x4xf64>, %i: tensor<i64>, %j: tensor<i64>) -> tensor<2x2xf64> {
  %y = varve.dynamic_slice %x[%i, %j] {size = array<i64: 2, 2>} : tensor<3x4xf64>, tensor<i64>, tensor<i64> -> tensor<2x2xf64>
  return %y : tensor<2x2xf64>
}

func.func @last(%x: tensor<2x5xf64>, %i: tensor<ui8>) -> tensor<2x2xf64> {
  %y = varve.dynamic_slice %x[%i] {size = array<i64: 2>} : tensor<2x5xf64>, tensor<ui8> -> tensor<2x2xf64>
  return %y : tensor<2x2xf64>
}

func.func @whole(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = varve.dynamic_slice %x[] {size = array<i64>} : tensor<3xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}

func.func @values() -> (tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) attributes {
  varve.want = [dense<[2, 3]> : tensor<2xi32>,
                dense<[3, 4]> : tensor<2xi32>,
                dense<[1, 2]> : tensor<2xi32>]
} {
  %x = varve.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %a = varve.constant dense<1> : tensor<i64>
  %b = varve.constant dense<9> : tensor<i64>
  %c = varve.constant dense<-9> : tensor<i64>
  %0 = varve.dynamic_slice %x[%a] {size = array<i64: 2>} : tensor<4xi32>, tensor<i64> -> tensor<2xi32>
  %1 = varve.dynamic_slice %x[%b] {size = array<i64: 2>} : tensor<4xi32>, tensor<i64> -> tensor<2xi32>
  %2 = varve.dynamic_slice %x[%c] {size = array<i64: 2>} : tensor<4xi32>, tensor<i64> -> tensor<2xi32>
  return %0, %1, %2 : tensor<2xi32>, tensor<2xi32>, tensor<2xi32>
}

// -----

// dynamic_slice C1
func.func @c1(%x: tensor<2xf32>, %i: tensor<1xi64>) {
  // expected-error @+1 {{does not suit}}
  %y = varve.dynamic_slice %x[%i] {size = array<i64: 2>} : tensor<2xf32>, tensor<1xi64> -> tensor<2xf32>
  return
}

// -----

// dynamic_slice C2
func.func @c2(%x: tensor<2xf32>, %i: tensor<i64>) {
  // expected-error @+1 {{no 3 elements in axis 0}}
  %y = varve.dynamic_slice %x[%i] {size = array<i64: 3>} : tensor<2xf32>, tensor<i64> -> tensor<3xf32>
  return
}
