// RUN: varve-opt %s --convert-varve-to-linalg --split-input-file | FileCheck %s

// Arguments: state in the order of its declaration, inputs, results. State that
// is only read is not writable; what is updated is stored in place.
// CHECK-LABEL: func.func @step
// CHECK-SAME:    (%[[U:[^:]*]]: memref<4xf32{{[^,]*}}>, %[[W:[^:]*]]: memref<4xf32{{[^,]*}}>, %[[X:[^:]*]]: memref<4xf32{{[^,]*}}>, %[[Y:[^:]*]]: memref<4xf32{{[^,]*}}>)
// CHECK-SAME:    varve.state_names = ["u", "w"]
// CHECK-NOT:     varve.program
// CHECK-NOT:     = varve.
// CHECK-DAG:     bufferization.to_tensor %[[U]] restrict :
// CHECK-DAG:     bufferization.to_tensor %[[W]] restrict writable :
// CHECK:         linalg.generic
// CHECK:           arith.mulf
// CHECK-DAG:     bufferization.materialize_in_destination %{{.*}} in restrict writable %[[Y]]
// CHECK-DAG:     bufferization.materialize_in_destination %{{.*}} in restrict writable %[[W]]
// CHECK-NOT:     in restrict writable %[[U]]
varve.program @net {
  varve.state @u : tensor<4xf32> {role = "param"}
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.state @unused : tensor<4xf32> {role = "param"}
  varve.func @step(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4xf32>, %u = @u : tensor<4xf32>)
      -> ({kind = "output", name = "y"}) updates(@w) {
    %p = varve.mul %w, %x : tensor<4xf32>
    %q = varve.add %p, %u : tensor<4xf32>
    varve.return %p, %q : tensor<4xf32>, tensor<4xf32>
  }
}

// -----

// A product is a contraction, the sum over the innermost loop.
// CHECK-LABEL: func.func @product
// CHECK:         linalg.generic
// CHECK-SAME:      iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:           arith.addf
varve.program @net {
  varve.func @product(%x: tensor<2x3xf32> {kind = "input", name = "x"},
                      %y: tensor<3x4xf32> {kind = "input", name = "y"})
      -> ({kind = "output", name = "z"}) {
    %z = varve.matmul %x, %y : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
    varve.return %z : tensor<2x4xf32>
  }
}
