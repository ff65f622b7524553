// RUN: varve-opt %s -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// CHECK-LABEL: @rows
// CHECK: varve.iota {axis = 0 : i64, dtype = f32, shape = array<i64: 2, 3>} : tensor<2x3xf32>
func.func @rows() -> tensor<2x3xf32> attributes {
  varve.want = [dense<[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]> : tensor<2x3xf32>]
} {
  %y = varve.iota {axis = 0 : i64, dtype = f32, shape = array<i64: 2, 3>} : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

func.func @columns() -> tensor<2x3xi64> attributes {
  varve.want = [dense<[[0, 1, 2], [0, 1, 2]]> : tensor<2x3xi64>]
} {
  %y = varve.iota {axis = 1 : i64, dtype = i64, shape = array<i64: 2, 3>} : tensor<2x3xi64>
  return %y : tensor<2x3xi64>
}

func.func @wraps() -> tensor<130xi8> attributes {
  varve.want = [dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, -128, -127]> : tensor<130xi8>]
} {
  %y = varve.iota {axis = 0 : i64, dtype = i8, shape = array<i64: 130>} : tensor<130xi8>
  return %y : tensor<130xi8>
}

// -----

// iota C1
func.func @c1() {
  // expected-error @+1 {{axis 1 is not one of 1}}
  %y = varve.iota {axis = 1 : i64, dtype = f32, shape = array<i64: 3>} : tensor<3xf32>
  return
}

// -----

// iota C2
func.func @c2() {
  // expected-error @+1 {{must be ranked tensor of number values}}
  %y = varve.iota {axis = 0 : i64, dtype = i1, shape = array<i64: 3>} : tensor<3xi1>
  return
}
