// RUN: varve-opt %s --varve-divide-by-constant --split-input-file | FileCheck %s

// 255 needs the correction: x r, then what is left of x over 255.
// CHECK-LABEL: func @bytes
// CHECK:         %[[X:.*]] = arith.uitofp %{{.*}} : vector<16xi8> to vector<16xf32>
// CHECK:         %[[P:.*]] = arith.mulf %[[X]], %[[R:.*]] :
// CHECK:         %[[N:.*]] = arith.negf %[[P]]
// CHECK:         %[[E:.*]] = math.fma %[[N]], %{{.*}}, %[[X]]
// CHECK:         %[[Q:.*]] = math.fma %[[E]], %[[R]], %[[P]]
// CHECK-NOT:     arith.divf
// CHECK:         return %[[Q]]
func.func @bytes(%b: vector<16xi8>) -> vector<16xf32> {
  %c = arith.constant dense<255.0> : vector<16xf32>
  %x = arith.uitofp %b : vector<16xi8> to vector<16xf32>
  %q = arith.divf %x, %c : vector<16xf32>
  return %q : vector<16xf32>
}

// -----

// A power of two has an exact reciprocal.
// CHECK-LABEL: func @exact
// CHECK:         arith.mulf
// CHECK-NOT:     math.fma
// CHECK-NOT:     arith.divf
func.func @exact(%b: i8) -> f32 {
  %c = arith.constant 128.0 : f32
  %x = arith.sitofp %b : i8 to f32
  %q = arith.divf %x, %c : f32
  return %q : f32
}

// -----

// Too many dividends to try, a divisor known at run time only, and one whose
// reciprocal is no normal number stay divisions.
// CHECK-LABEL: func @stay
// CHECK-COUNT-3: arith.divf
func.func @stay(%i: i32, %b: i8, %d: f32) -> (f32, f32, f32) {
  %c = arith.constant 255.0 : f32
  %huge = arith.constant 3.0e38 : f32
  %x = arith.uitofp %i : i32 to f32
  %y = arith.uitofp %b : i8 to f32
  %p = arith.divf %x, %c : f32
  %q = arith.divf %y, %d : f32
  %r = arith.divf %y, %huge : f32
  return %p, %q, %r : f32, f32, f32
}
