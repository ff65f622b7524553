// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-differentiate-inputs))' | FileCheck %s

// y = w x and z = floor(x): dx = w dy. Of z nothing comes, and nothing goes to
// the integers; state is read, and no longer written.
varve.program @net {
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.state @n : tensor<4xf32> {role = "running"}

  // CHECK-LABEL: varve.func @infer
  // CHECK-SAME:    (%[[X:[^:]*]]: tensor<4xf32> {kind = "input", name = "x"},
  // CHECK-SAME:     %[[I:[^:]*]]: tensor<4xi64> {kind = "input", name = "i"},
  // CHECK-SAME:     %[[DY:[^:]*]]: tensor<4xf32> {kind = "cotangent", name = "y"},
  // CHECK-SAME:     %[[DZ:[^:]*]]: tensor<4xf32> {kind = "cotangent", name = "z"})
  // CHECK-SAME:    uses(%[[W:[^ ]*]] = @w
  // CHECK-SAME:    -> ({kind = "output", name = "x"})
  // CHECK-NOT:     updates
  // CHECK:         %[[DX:.*]] = varve.mul %[[DY]], %[[W]]
  // CHECK:         varve.return %[[DX]] : tensor<4xf32>
  varve.func @infer(%x: tensor<4xf32> {kind = "input", name = "x"},
                    %i: tensor<4xi64> {kind = "input", name = "i"})
      uses(%w = @w : tensor<4xf32>)
      -> ({kind = "output", name = "y"}, {kind = "output", name = "i"},
          {kind = "output", name = "z"}) updates(@n) {
    %y = varve.mul %w, %x : tensor<4xf32>
    %z = varve.floor %x : tensor<4xf32>
    varve.return %y, %i, %z, %y : tensor<4xf32>, tensor<4xi64>, tensor<4xf32>, tensor<4xf32>
  }
}
