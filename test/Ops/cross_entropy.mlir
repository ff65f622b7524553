// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @plain
// CHECK: varve.cross_entropy %{{.*}}, %{{.*}} : tensor<4x3xf64>, tensor<4xi64> -> tensor<f64>
func.func @plain(%x: tensor<4x3xf64>, %t: tensor<4xi64>) -> tensor<f64> {
  %y = varve.cross_entropy %x, %t : tensor<4x3xf64>, tensor<4xi64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @smooth(%x: tensor<4x3xf64>, %t: tensor<4xui8>) -> tensor<f64> {
  %y = varve.cross_entropy %x, %t {smoothing = 0.1 : f64} : tensor<4x3xf64>, tensor<4xui8> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @row(%x: tensor<3xf64>, %t: tensor<i64>) -> tensor<f64> {
  %y = varve.cross_entropy %x, %t : tensor<3xf64>, tensor<i64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @places(%x: tensor<2x3x3xf64>, %t: tensor<2x3xi32>) -> tensor<f64> {
  %y = varve.cross_entropy %x, %t {ignore = 1 : i64, smoothing = 0.2 : f64} : tensor<2x3x3xf64>, tensor<2x3xi32> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @weighted(%x: tensor<4x3xf64>, %t: tensor<4xi64>, %w: tensor<3xf64> {varve.range = [0.5, 2.0]}) -> tensor<f64> {
  %y = varve.cross_entropy %x, %t, %w : tensor<4x3xf64>, tensor<4xi64>, tensor<3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @everything(%x: tensor<4x3xf64>, %t: tensor<4xi8>, %w: tensor<3xf64> {varve.range = [0.5, 2.0]}) -> tensor<f64> {
  %y = varve.cross_entropy %x, %t, %w {ignore = 1 : i64, smoothing = 0.2 : f64} : tensor<4x3xf64>, tensor<4xi8>, tensor<3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

func.func @values() -> (tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) attributes {
  varve.want = [dense<1.6002876166283913> : tensor<f64>,
                dense<1.6336209499617247> : tensor<f64>,
                dense<0.37153903185268283> : tensor<f64>,
                dense<0.8630384657629662> : tensor<f64>,
                dense<0.9627614634053193> : tensor<f64>]
} {
  %x = varve.constant dense<[[1.0, 2.0, -0.5], [0.25, -1.0, 3.0]]> : tensor<2x3xf64>
  %t = varve.constant dense<[1, 0]> : tensor<2xi64>
  %u = varve.constant dense<[1, 200]> : tensor<2xui8>
  %w = varve.constant dense<[0.5, 2.0, 1.0]> : tensor<3xf64>
  %0 = varve.cross_entropy %x, %t : tensor<2x3xf64>, tensor<2xi64> -> tensor<f64>
  %1 = varve.cross_entropy %x, %t {smoothing = 0.1 : f64} : tensor<2x3xf64>, tensor<2xi64> -> tensor<f64>
  %2 = varve.cross_entropy %x, %u {ignore = 200 : i64} : tensor<2x3xf64>, tensor<2xui8> -> tensor<f64>
  %3 = varve.cross_entropy %x, %t, %w : tensor<2x3xf64>, tensor<2xi64>, tensor<3xf64> -> tensor<f64>
  %4 = varve.cross_entropy %x, %t, %w {smoothing = 0.1 : f64} : tensor<2x3xf64>, tensor<2xi64>, tensor<3xf64> -> tensor<f64>
  return %0, %1, %2, %3, %4 : tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>
}

// -----

// cross_entropy C1
func.func @c1(%x: tensor<2x3xf32>, %t: tensor<3xi64>) {
  // expected-error @+1 {{does not suit logits}}
  %y = varve.cross_entropy %x, %t : tensor<2x3xf32>, tensor<3xi64> -> tensor<f32>
  return
}

// -----

// cross_entropy C2
func.func @c2(%x: tensor<2x3xf32>, %t: tensor<2xi64>) {
  // expected-error @+1 {{is not in [0, 1]}}
  %y = varve.cross_entropy %x, %t {smoothing = 1.5 : f64} : tensor<2x3xf32>, tensor<2xi64> -> tensor<f32>
  return
}

// -----

// cross_entropy C3
func.func @c3(%x: tensor<2x3xf32>, %t: tensor<2xi64>, %w: tensor<2xf32>) {
  // expected-error @+1 {{does not suit logits}}
  %y = varve.cross_entropy %x, %t, %w : tensor<2x3xf32>, tensor<2xi64>, tensor<2xf32> -> tensor<f32>
  return
}
