// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @values
// CHECK: varve.constant dense<
func.func @values() -> (tensor<3xui8>, tensor<2xf32>, tensor<i1>) attributes {
  varve.want = [dense<[0, 200, 255]> : tensor<3xui8>,
                dense<1.5> : tensor<2xf32>,
                dense<true> : tensor<i1>]
} {
  %0 = varve.constant dense<[0, 200, 255]> : tensor<3xui8>
  %1 = varve.constant dense<1.5> : tensor<2xf32>
  %2 = varve.constant dense<true> : tensor<i1>
  return %0, %1, %2 : tensor<3xui8>, tensor<2xf32>, tensor<i1>
}

func.func @halves() -> (tensor<2xbf16>, tensor<2xf16>) attributes {
  varve.want = [dense<1.5> : tensor<2xbf16>,
                dense<[0.5, -2.0]> : tensor<2xf16>]
} {
  %0 = varve.constant dense<1.5> : tensor<2xbf16>
  %1 = varve.constant dense<[0.5, -2.0]> : tensor<2xf16>
  return %0, %1 : tensor<2xbf16>, tensor<2xf16>
}

// -----

// constant C1
func.func @c1() {
  // expected-error @+1 {{value is not dense}}
  %0 = varve.constant sparse<[[0]], [1.0]> : tensor<3xf32>
  return
}
