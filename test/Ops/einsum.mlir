// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @product
// CHECK: varve.einsum "ij,jk->ik" %{{.*}}, %{{.*}} : tensor<2x3xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
func.func @product(%x: tensor<2x3xf64>, %y: tensor<3x4xf64>) -> tensor<2x4xf64> {
  %r = varve.einsum "ij,jk->ik" %x, %y : tensor<2x3xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
  return %r : tensor<2x4xf64>
}

func.func @batched(%x: tensor<2x1x2x3xf64>, %y: tensor<2x1x4x3xf64>) -> tensor<2x1x2x4xf64> {
  %r = varve.einsum "bhqd,bhkd->bhqk" %x, %y : tensor<2x1x2x3xf64>, tensor<2x1x4x3xf64> -> tensor<2x1x2x4xf64>
  return %r : tensor<2x1x2x4xf64>
}

func.func @outer(%x: tensor<2xf64>, %y: tensor<3xf64>) -> tensor<3x2xf64> {
  %r = varve.einsum "i,j->ji" %x, %y : tensor<2xf64>, tensor<3xf64> -> tensor<3x2xf64>
  return %r : tensor<3x2xf64>
}

func.func @trace_like(%x: tensor<2x3xf64>) -> tensor<3xf64> {
  %r = varve.einsum "ij->j" %x : tensor<2x3xf64> -> tensor<3xf64>
  return %r : tensor<3xf64>
}

func.func @turn(%x: tensor<2x3x4xf64>) -> tensor<4x2x3xf64> {
  %r = varve.einsum "ijk->kij" %x : tensor<2x3x4xf64> -> tensor<4x2x3xf64>
  return %r : tensor<4x2x3xf64>
}

func.func @dot(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<f64> {
  %r = varve.einsum "i,i->" %x, %y : tensor<3xf64>, tensor<3xf64> -> tensor<f64>
  return %r : tensor<f64>
}

func.func @same(%x: tensor<2x3xf64>, %y: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %r = varve.einsum "ij,ij->ij" %x, %y : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  return %r : tensor<2x3xf64>
}

func.func @lonely(%x: tensor<2x3xf64>, %y: tensor<3x2xf64>) -> tensor<2xf64> {
  %r = varve.einsum "ij,jk->k" %x, %y : tensor<2x3xf64>, tensor<3x2xf64> -> tensor<2xf64>
  return %r : tensor<2xf64>
}

func.func @three(%x: tensor<2xf64>, %y: tensor<2x3xf64>, %z: tensor<3xf64>) -> tensor<f64> {
  %r = varve.einsum "i,ij,j->" %x, %y, %z : tensor<2xf64>, tensor<2x3xf64>, tensor<3xf64> -> tensor<f64>
  return %r : tensor<f64>
}

func.func @three_kept(%x: tensor<2x2xf64>, %y: tensor<2x3xf64>, %z: tensor<3x2xf64>) -> tensor<2x2xf64> {
  %r = varve.einsum "ai,ij,jb->ba" %x, %y, %z : tensor<2x2xf64>, tensor<2x3xf64>, tensor<3x2xf64> -> tensor<2x2xf64>
  return %r : tensor<2x2xf64>
}

func.func @values() -> tensor<2x2xi32> attributes {
  varve.want = [dense<[[17, 39], [23, 53]]> : tensor<2x2xi32>]
} {
  %x = varve.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %y = varve.constant dense<[[5, 6], [7, 8]]> : tensor<2x2xi32>
  %r = varve.einsum "ij,kj->ki" %x, %y : tensor<2x2xi32>, tensor<2x2xi32> -> tensor<2x2xi32>
  return %r : tensor<2x2xi32>
}

// -----

// einsum C1
func.func @c1_arrow(%x: tensor<2x2xf32>) {
  // expected-error @+1 {{is no equation of 1 operands}}
  %r = varve.einsum "ij" %x : tensor<2x2xf32> -> tensor<2xf32>
  return
}

// -----

// einsum C1
func.func @c1_count(%x: tensor<2x2xf32>) {
  // expected-error @+1 {{is no equation of 1 operands}}
  %r = varve.einsum "ij,jk->i" %x : tensor<2x2xf32> -> tensor<2xf32>
  return
}

// -----

// einsum C1
func.func @c1_twice(%x: tensor<2x2xf32>) {
  // expected-error @+1 {{is no equation of 1 operands}}
  %r = varve.einsum "ii->i" %x : tensor<2x2xf32> -> tensor<2xf32>
  return
}

// -----

// einsum C1
func.func @c1_unknown(%x: tensor<2x2xf32>) {
  // expected-error @+1 {{is no equation of 1 operands}}
  %r = varve.einsum "ij->k" %x : tensor<2x2xf32> -> tensor<2xf32>
  return
}

// -----

// einsum C1
func.func @c1_letters(%x: tensor<2x2xf32>) {
  // expected-error @+1 {{is no equation of 1 operands}}
  %r = varve.einsum "i.->i" %x : tensor<2x2xf32> -> tensor<2xf32>
  return
}

// -----

// einsum C2
func.func @c2(%x: tensor<2x2xf32>) {
  // expected-error @+1 {{term "i" does not suit}}
  %r = varve.einsum "i->i" %x : tensor<2x2xf32> -> tensor<2xf32>
  return
}

// -----

// einsum C3
func.func @c3(%x: tensor<2x2xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{does not suit the other operands}}
  %r = varve.einsum "ij,j->i" %x, %y : tensor<2x2xf32>, tensor<3xf32> -> tensor<2xf32>
  return
}
