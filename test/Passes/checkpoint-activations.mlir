// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-differentiate,varve-checkpoint-activations))' | FileCheck %s
// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-differentiate,varve-checkpoint-activations),canonicalize,cse)' | FileCheck %s

// Four layers of 4 KB each save 16 KB; 13 KB are allowed. The forward pass is
// cut in the middle: the value there is kept, and what lies before it is made
// again once the gradients of the second half are there.
varve.program @net attributes {train = {memory_budget = 13000 : i64}} {
  varve.state @w1 : tensor<1000xf32> {role = "param"}
  varve.state @w2 : tensor<1000xf32> {role = "param"}
  varve.state @w3 : tensor<1000xf32> {role = "param"}
  varve.state @w4 : tensor<1000xf32> {role = "param"}

  // CHECK-LABEL: varve.func @train_step
  // CHECK-SAME:    uses(%[[W1:[^ ]*]] = @w1
  // CHECK:         %[[A:.*]] = varve.mul %[[W1]]
  // CHECK:         %[[EA:.*]] = varve.exp %[[A]]
  // CHECK:         %[[B:.*]] = varve.mul %{{.*}}, %[[EA]]
  // CHECK:         %[[EB:.*]] = varve.exp %[[B]]
  // CHECK:         varve.sum
  // CHECK-NOT:     varve.again
  // CHECK:         varve.mul {{.*}}, %[[EB]]
  // CHECK:         %[[A2:.*]] = varve.mul %[[W1]], {{.*}} {varve.again}
  // CHECK:         %[[EA2:.*]] = varve.exp %[[A2]] {varve.again}
  // CHECK:         varve.mul {{.*}}, %[[EA2]]
  // CHECK-NOT:     varve.again
  // CHECK:         varve.return
  varve.func @train_step(%x: tensor<1000xf32> {kind = "input", name = "x"})
      uses(%w1 = @w1 : tensor<1000xf32>, %w2 = @w2 : tensor<1000xf32>,
           %w3 = @w3 : tensor<1000xf32>, %w4 = @w4 : tensor<1000xf32>)
      -> ({kind = "loss", name = "loss"}) attributes {learns} {
    %a = varve.mul %w1, %x : tensor<1000xf32>
    %ea = varve.exp %a : tensor<1000xf32>
    %b = varve.mul %w2, %ea : tensor<1000xf32>
    %eb = varve.exp %b : tensor<1000xf32>
    %c = varve.mul %w3, %eb : tensor<1000xf32>
    %ec = varve.exp %c : tensor<1000xf32>
    %d = varve.mul %w4, %ec : tensor<1000xf32>
    %ed = varve.exp %d : tensor<1000xf32>
    %l = varve.sum %ed {axis = array<i64: 0>} : tensor<1000xf32> -> tensor<f32>
    varve.return %l : tensor<f32>
  }
}
