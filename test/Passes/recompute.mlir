// RUN: varve-opt %s --convert-varve-to-linalg --cse --varve-fuse-kernels --split-input-file | FileCheck %s
// RUN: varve-opt %s --convert-varve-to-linalg --cse --varve-fuse-kernels=recompute=false --split-input-file | FileCheck %s --check-prefix=STORE

// x - mean is cheap, and x is in memory: the sum of squares and the result each
// compute it again. Without that, it would be stored.
// CHECK-LABEL: func.func @center
// CHECK:         kernel.call @reduce{{.*}} -> tensor<128xf32>
// CHECK-NEXT:    tensor.empty
// CHECK-NEXT:    kernel.call @reduce{{.*}} -> tensor<128xf32>
// CHECK-NEXT:    tensor.empty
// CHECK-NEXT:    kernel.call @map{{.*}} -> tensor<128x256xf32>
// CHECK-NOT:     kernel.call
// STORE-LABEL: func.func @center
// STORE-COUNT-4: kernel.call
varve.program @net {
  varve.func @center(%x: tensor<128x256xf32> {kind = "input", name = "x"})
      -> ({kind = "output", name = "y"}) {
    %m = varve.mean %x {axis = array<i64: 1>} : tensor<128x256xf32> -> tensor<128xf32>
    %b = varve.broadcast %m {axis = array<i64: 0>, shape = array<i64: 128, 256>} : tensor<128xf32> -> tensor<128x256xf32>
    %d = varve.sub %x, %b : tensor<128x256xf32>
    %q = varve.mul %d, %d : tensor<128x256xf32>
    %v = varve.sum %q {axis = array<i64: 1>} : tensor<128x256xf32> -> tensor<128xf32>
    %s = varve.broadcast %v {axis = array<i64: 0>, shape = array<i64: 128, 256>} : tensor<128xf32> -> tensor<128x256xf32>
    %y = varve.mul %d, %s : tensor<128x256xf32>
    varve.return %y : tensor<128x256xf32>
  }
}

// -----

// An exponential costs more than a store.
// CHECK-LABEL: func.func @costly
// CHECK-COUNT-3: kernel.call
varve.program @net {
  varve.func @costly(%x: tensor<128x256xf32> {kind = "input", name = "x"})
      -> ({kind = "output", name = "y"}) {
    %e = varve.exp %x : tensor<128x256xf32>
    %s = varve.sum %e {axis = array<i64: 1>} : tensor<128x256xf32> -> tensor<128xf32>
    %b = varve.broadcast %s {axis = array<i64: 0>, shape = array<i64: 128, 256>} : tensor<128xf32> -> tensor<128x256xf32>
    %y = varve.mul %e, %b : tensor<128x256xf32>
    varve.return %y : tensor<128x256xf32>
  }
}

// -----

// w is updated: its old value is not there when y is made.
// CHECK-LABEL: func.func @changed
// CHECK-SAME:    (%[[W_:[^:]*]]: memref<128x256xf32>
// CHECK:         %[[D:.*]] = kernel.call @map
// CHECK:         kernel.call @map{{.*}} ins(%[[D]],
varve.program @net {
  varve.state @w : tensor<128x256xf32> {role = "param"}
  varve.func @changed(%x: tensor<128x256xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<128x256xf32>)
      -> ({kind = "output", name = "y"}) updates(@w) {
    %d = varve.mul %w, %w : tensor<128x256xf32>
    %s = varve.sum %d {axis = array<i64: 1>} : tensor<128x256xf32> -> tensor<128xf32>
    %b = varve.broadcast %s {axis = array<i64: 0>, shape = array<i64: 128, 256>} : tensor<128xf32> -> tensor<128x256xf32>
    %y = varve.mul %d, %b : tensor<128x256xf32>
    %new = varve.sub %w, %y : tensor<128x256xf32>
    varve.return %y, %new : tensor<128x256xf32>, tensor<128x256xf32>
  }
}

// -----

// The product with x is made where it is summed, not where c is.
// CHECK-LABEL: func.func @with_its_reader
// CHECK:         %[[C:.*]] = kernel.call @contract{{.*}} -> tensor<128x256xf32>
// CHECK:         kernel.call @reduce{{.*}} ins(%[[C]], %{{.*}} : tensor<128x256xf32>, tensor<128x256xf32>) {{.*}} -> tensor<128xf32>, tensor<128xf32>
// CHECK-NOT:     kernel.call
// STORE-LABEL: func.func @with_its_reader
// STORE:         kernel.call @contract{{.*}} -> tensor<128x256xf32>, tensor<128x256xf32>
varve.program @net {
  varve.func @with_its_reader(%a: tensor<128x64xf32> {kind = "input", name = "a"},
                              %b: tensor<64x256xf32> {kind = "input", name = "b"},
                              %x: tensor<128x256xf32> {kind = "input", name = "x"})
      -> ({kind = "output", name = "s"}, {kind = "output", name = "t"}) {
    %c = varve.matmul %a, %b : tensor<128x64xf32>, tensor<64x256xf32> -> tensor<128x256xf32>
    %q = varve.mul %c, %x : tensor<128x256xf32>
    %s = varve.sum %c {axis = array<i64: 1>} : tensor<128x256xf32> -> tensor<128xf32>
    %t = varve.sum %q {axis = array<i64: 1>} : tensor<128x256xf32> -> tensor<128xf32>
    varve.return %s, %t : tensor<128xf32>, tensor<128xf32>
  }
}

// -----

// A copy belongs to the pass that reads it: the backward pass has no kernel for
// it alone.
// CHECK-LABEL: func.func @backward
// CHECK:         kernel.call @reduce
// CHECK-COUNT-2: kernel.call @map
// CHECK-NOT:     kernel.call
varve.program @net {
  varve.func @backward(%x: tensor<512x512xf32> {kind = "input", name = "x"},
                       %g: tensor<512x512xf32> {kind = "input", name = "g"})
      -> ({kind = "output", name = "y"}, {kind = "output", name = "dy"}) {
    %m = varve.sum %x {axis = array<i64: 1>} : tensor<512x512xf32> -> tensor<512xf32>
    %b = varve.broadcast %m {axis = array<i64: 0>, shape = array<i64: 512, 512>} : tensor<512xf32> -> tensor<512x512xf32>
    %d = varve.sub %x, %b : tensor<512x512xf32>
    %y = varve.relu %d : tensor<512x512xf32>
    %dy = varve.mul %g, %d : tensor<512x512xf32> loc(fused<{phase = "backward"}>["g"])
    varve.return %y, %dy : tensor<512x512xf32>, tensor<512x512xf32>
  }
}
