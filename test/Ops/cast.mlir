// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @matrix
// CHECK: varve.cast %{{.*}} {to = f32} : tensor<2x3xui8> -> tensor<2x3xf32>
func.func @matrix(%x: tensor<2x3xui8>) -> tensor<2x3xf32> {
  %y = varve.cast %x {to = f32} : tensor<2x3xui8> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

func.func @same(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = varve.cast %x {to = f64} : tensor<3xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}

func.func @narrower(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = varve.cast %x {to = f32} : tensor<3xf64> -> tensor<3xf32>
  %z = varve.cast %y {to = f64} : tensor<3xf32> -> tensor<3xf64>
  return %z : tensor<3xf64>
}

func.func @halves(%x: tensor<3xf16>, %y: tensor<3xbf16>)
    -> (tensor<3xbf16>, tensor<3xf16>) {
  %0 = varve.cast %x {to = bf16} : tensor<3xf16> -> tensor<3xbf16>
  %1 = varve.cast %y {to = f16} : tensor<3xbf16> -> tensor<3xf16>
  return %0, %1 : tensor<3xbf16>, tensor<3xf16>
}

// Towards zero, held to the range, NaN to 0.
func.func @float_to_integer()
    -> (tensor<6xi8>, tensor<6xui8>, tensor<6xi64>, tensor<6xui64>, tensor<6xi1>)
    attributes {varve.want = [
  dense<[-1, 2, 127, -128, 0, 0]> : tensor<6xi8>,
  dense<[0, 2, 255, 0, 0, 0]> : tensor<6xui8>,
  dense<[-1, 2, 9223372036854775807, -9223372036854775808, 0, 0]>
      : tensor<6xi64>,
  dense<[0, 2, 18446744073709551615, 0, 0, 0]> : tensor<6xui64>,
  dense<[true, true, true, true, true, false]> : tensor<6xi1>]
} {
  %x = varve.constant dense<[-1.75, 2.75, 1.0e30, -1.0e30, 0x7FF8000000000000,
                             0.0]> : tensor<6xf64>
  %0 = varve.cast %x {to = i8} : tensor<6xf64> -> tensor<6xi8>
  %1 = varve.cast %x {to = ui8} : tensor<6xf64> -> tensor<6xui8>
  %2 = varve.cast %x {to = i64} : tensor<6xf64> -> tensor<6xi64>
  %3 = varve.cast %x {to = ui64} : tensor<6xf64> -> tensor<6xui64>
  %4 = varve.cast %x {to = i1} : tensor<6xf64> -> tensor<6xi1>
  return %0, %1, %2, %3, %4 : tensor<6xi8>, tensor<6xui8>, tensor<6xi64>,
      tensor<6xui64>, tensor<6xi1>
}

func.func @integers() -> (tensor<3xi32>, tensor<3xi32>, tensor<3xi8>,
                          tensor<2xf64>, tensor<2xi8>)
    attributes {varve.want = [
  dense<[-1, 0, 127]> : tensor<3xi32>, dense<[255, 0, 127]> : tensor<3xi32>,
  dense<[-1, 0, 127]> : tensor<3xi8>,
  dense<[18446744073709551615.0, 1.0]> : tensor<2xf64>,
  dense<[1, 0]> : tensor<2xi8>]
} {
  %a = varve.constant dense<[-1, 0, 127]> : tensor<3xi8>
  %b = varve.constant dense<[255, 0, 127]> : tensor<3xui8>
  %c = varve.constant dense<[18446744073709551615, 1]> : tensor<2xui64>
  %d = varve.constant dense<[true, false]> : tensor<2xi1>
  %0 = varve.cast %a {to = i32} : tensor<3xi8> -> tensor<3xi32>
  %1 = varve.cast %b {to = i32} : tensor<3xui8> -> tensor<3xi32>
  %2 = varve.cast %b {to = i8} : tensor<3xui8> -> tensor<3xi8>
  %3 = varve.cast %c {to = f64} : tensor<2xui64> -> tensor<2xf64>
  %4 = varve.cast %d {to = i8} : tensor<2xi1> -> tensor<2xi8>
  return %0, %1, %2, %3, %4 : tensor<3xi32>, tensor<3xi32>, tensor<3xi8>,
      tensor<2xf64>, tensor<2xi8>
}

// -----

// cast C1
func.func @c1(%x: tensor<2xf32>) {
  // expected-error @+1 {{requires the same shape for all operands and results}}
  %y = varve.cast %x {to = i8} : tensor<2xf32> -> tensor<3xi8>
  return
}

// -----

// cast C2
func.func @c2(%x: tensor<2xf32>) {
  // expected-error @+1 {{'index' is no element type}}
  %y = varve.cast %x {to = index} : tensor<2xf32> -> tensor<2xf32>
  return
}
