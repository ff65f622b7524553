// RUN: varve-opt %s --varve-expand-math | FileCheck %s
// RUN: varve-opt %s --varve-expand-math --varve-expand-narrow-floats | FileCheck %s --check-prefix=NARROW

// Own polynomial: FMA, no call.
// CHECK-LABEL: func.func @exp
// CHECK-NOT:     call
// CHECK-NOT:     math.exp
// CHECK:         math.fma
// CHECK:         return
func.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp %x : vector<16xf32>
  return %y : vector<16xf32>
}

// f64 by the library, each element.
// CHECK-LABEL: func.func @double
// CHECK-COUNT-2: call @libm.tanh
// CHECK-NOT:     call
func.func @double(%x: vector<2xf64>) -> vector<2xf64> {
  %y = math.tanh %x : vector<2xf64>
  return %y : vector<2xf64>
}

// A rarer function on f32 through f64.
// CHECK-LABEL: func.func @atan
// CHECK:         arith.extf %{{.*}} : f32 to f64
// CHECK:         call @libm.atan
// CHECK:         arith.truncf %{{.*}} : f64 to f32
func.func @atan(%x: f32) -> f32 {
  %y = math.atan %x : f32
  return %y : f32
}

// Correctly rounded operations stay.
// CHECK-LABEL: func.func @exact
// CHECK:         math.sqrt
// CHECK:         arith.divf
// CHECK:         math.floor
func.func @exact(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.rsqrt %x : vector<8xf32>
  %z = math.floor %y : vector<8xf32>
  return %z : vector<8xf32>
}

// bf16 in f32, rounded by integer arithmetic; stored as integers.
// CHECK-LABEL: func.func @brain
// NARROW-LABEL: func.func @brain
// NARROW-SAME:    (%{{.*}}: vector<8xi16>) -> vector<8xi16>
// NARROW:         arith.addf %{{.*}} : vector<8xf32>
// NARROW:         arith.shrui
// NARROW:         arith.trunci %{{.*}} : vector<8xi32> to vector<8xi16>
func.func @brain(%x: vector<8xbf16>) -> vector<8xbf16> {
  %y = arith.addf %x, %x : vector<8xbf16>
  return %y : vector<8xbf16>
}

// f16 is one only next to a conversion.
// NARROW-LABEL: func.func @half
// NARROW-SAME:    %[[P:.*]]: memref<8xi16>
// NARROW:         %[[C:.*]] = arith.constant dense<15360> : vector<8xi16>
// NARROW:         %[[V:.*]] = vector.maskedload %[[P]]{{.*}}, %[[C]] : memref<8xi16>
// NARROW:         %[[H:.*]] = arith.bitcast %[[V]] : vector<8xi16> to vector<8xf16>
// NARROW:         %[[S:.*]] = arith.extf %[[H]] : vector<8xf16> to vector<8xf32>
// NARROW:         %[[R:.*]] = math.sqrt %[[S]] : vector<8xf32>
// NARROW:         %[[T:.*]] = arith.truncf %[[R]] : vector<8xf32> to vector<8xf16>
// NARROW:         %[[I:.*]] = arith.bitcast %[[T]] : vector<8xf16> to vector<8xi16>
// NARROW:         return %[[I]]
func.func @half(%p: memref<8xf16>, %m: vector<8xi1>) -> vector<8xf16> {
  %c0 = arith.constant 0 : index
  %one = arith.constant dense<1.0> : vector<8xf16>
  %x = vector.maskedload %p[%c0], %m, %one
      : memref<8xf16>, vector<8xi1>, vector<8xf16> into vector<8xf16>
  %y = math.sqrt %x : vector<8xf16>
  return %y : vector<8xf16>
}
