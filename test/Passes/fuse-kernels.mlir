// RUN: varve-opt %s --convert-varve-to-linalg --cse --varve-fuse-kernels --split-input-file | FileCheck %s

// The transpose of w and the broadcast of the bias go into indexing maps; the
// product, the bias and the activation are one kernel.
// CHECK-LABEL: kernel.def
// CHECK-SAME:    ins = 3
// CHECK-NOT:     linalg.transpose
// CHECK-NOT:     linalg.broadcast
// CHECK:         iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:         iterator_types = ["parallel", "parallel"]
// CHECK:         kernel.yield
// CHECK-NOT:   kernel.def
// CHECK-LABEL: func.func @dense
// CHECK-NOT:     linalg.
// CHECK:         kernel.call
// CHECK-NOT:     kernel.call
varve.program @net {
  varve.state @w : tensor<4x3xf32> {role = "param"}
  varve.state @b : tensor<4xf32> {role = "param"}
  varve.func @dense(%x: tensor<2x3xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4x3xf32>, %b = @b : tensor<4xf32>)
      -> ({kind = "output", name = "y"}) {
    %t = varve.transpose %w : tensor<4x3xf32> -> tensor<3x4xf32>
    %p = varve.matmul %x, %t : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
    %c = varve.broadcast %b {axis = array<i64: 1>, shape = array<i64: 2, 4>} : tensor<4xf32> -> tensor<2x4xf32>
    %s = varve.add %p, %c : tensor<2x4xf32>
    %r = varve.relu %s : tensor<2x4xf32>
    varve.return %r : tensor<2x4xf32>
  }
}

// -----

// Two products cannot share a kernel: it has at most one root.
// CHECK-COUNT-2: kernel.def
// CHECK-LABEL: func.func @chain
// CHECK-COUNT-2: kernel.call
varve.program @net {
  varve.func @chain(%x: tensor<2x2xf32> {kind = "input", name = "x"})
      -> ({kind = "output", name = "y"}) {
    %p = varve.matmul %x, %x : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
    %q = varve.matmul %p, %x : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
    varve.return %q : tensor<2x2xf32>
  }
}

// -----

// w is updated in place, so what else reads the old w comes first.
// CHECK-LABEL: func.func @order
// CHECK-SAME:    (%[[W_:[^:]*]]: memref<4xf32>
// CHECK:         %[[W:.*]] = bufferization.to_tensor %[[W_]]
// CHECK:         kernel.call {{.*}}ins(%[[W]] :
// CHECK:         %[[NEW:.*]] = kernel.call {{.*}}ins(%[[W]], %
// CHECK-NOT:     kernel.call
// CHECK:         materialize_in_destination %[[NEW]] {{.*}}%[[W_]]
varve.program @net {
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.func @order(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4xf32>)
      -> ({kind = "output", name = "y"}) updates(@w) {
    %n = varve.sub %w, %x : tensor<4xf32>
    %y = varve.sum %w {axis = array<i64: 0>} : tensor<4xf32> -> tensor<f32>
    varve.return %y, %n : tensor<f32>, tensor<4xf32>
  }
}

// -----

// Two sums of the same tensor are one pass over it; their results differ.
// CHECK-LABEL: kernel.def @reduce
// CHECK-SAME:    ins = 2
// CHECK-COUNT-2: iterator_types = ["parallel", "reduction"]
// CHECK-NOT:   kernel.def
// CHECK-LABEL: func.func @sums
// CHECK:         %[[S:.*]]:2 = kernel.call
// CHECK-NOT:     kernel.call
varve.program @net {
  varve.func @sums(%x: tensor<30x40xf32> {kind = "input", name = "x"},
                   %y: tensor<30x40xf32> {kind = "input", name = "y"})
      -> ({kind = "output", name = "s"}, {kind = "output", name = "t"}) {
    %p = varve.mul %x, %y : tensor<30x40xf32>
    %s = varve.sum %x {axis = array<i64: 1>} : tensor<30x40xf32> -> tensor<30xf32>
    %t = varve.sum %p {axis = array<i64: 1>} : tensor<30x40xf32> -> tensor<30xf32>
    varve.return %s, %t : tensor<30xf32>, tensor<30xf32>
  }
}

// -----

// The second sum needs the first.
// CHECK-COUNT-2: kernel.def @reduce
// CHECK-NOT:     kernel.def
// CHECK-LABEL: func.func @one_after_the_other
varve.program @net {
  varve.func @one_after_the_other(%x: tensor<30x40xf32> {kind = "input", name = "x"})
      -> ({kind = "output", name = "t"}) {
    %s = varve.sum %x {axis = array<i64: 1>} : tensor<30x40xf32> -> tensor<30xf32>
    %b = varve.broadcast %s {axis = array<i64: 0>, shape = array<i64: 30, 40>} : tensor<30xf32> -> tensor<30x40xf32>
    %d = varve.sub %x, %b : tensor<30x40xf32>
    %t = varve.sum %d {axis = array<i64: 1>} : tensor<30x40xf32> -> tensor<30xf32>
    varve.return %t : tensor<30xf32>
  }
}

// -----

// A convolution, its bias and the activation are one kernel.
// CHECK-LABEL: kernel.def @conv_forward_2x4x5x5
// CHECK:         kernel.conv forward
// CHECK:         linalg.generic
// CHECK:         kernel.yield
// CHECK-NOT:   kernel.def
// CHECK-LABEL: func.func @conv
varve.program @net {
  varve.state @w : tensor<4x3x3x3xf32> {role = "param"}
  varve.state @b : tensor<4xf32> {role = "param"}
  varve.func @conv(%x: tensor<2x3x5x5xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4x3x3x3xf32>, %b = @b : tensor<4xf32>)
      -> ({kind = "output", name = "y"}) {
    %y = varve.conv %x, %w {dilation = array<i64: 1, 1>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x3x5x5xf32>, tensor<4x3x3x3xf32> -> tensor<2x4x5x5xf32>
    %c = varve.broadcast %b {axis = array<i64: 1>, shape = array<i64: 2, 4, 5, 5>} : tensor<4xf32> -> tensor<2x4x5x5xf32>
    %s = varve.add %y, %c : tensor<2x4x5x5xf32>
    %r = varve.relu %s : tensor<2x4x5x5xf32>
    varve.return %r : tensor<2x4x5x5xf32>
  }
}

// -----

// A loop stays around the kernels of its body; a loop over elements is one.
// CHECK:       kernel.def @loop
// CHECK-LABEL: func.func @scan
// CHECK:         %[[X:.*]] = bufferization.to_tensor
// CHECK:         %[[S:.*]] = kernel.call @loop{{.*}} ins(%[[X]]
// CHECK:         %[[R:.*]] = scf.for %[[I:.*]] = {{.*}} iter_args(%[[A:.*]] = {{.*}})
// CHECK:           %[[ROW:.*]] = tensor.extract_slice %[[S]][%[[I]], 0] [1, 8] [1, 1]
// CHECK:           %[[B:.*]] = kernel.call @map_8{{.*}} ins(%[[A]], %[[ROW]] :
// CHECK-NOT:       linalg
// CHECK:           %[[P:.*]] = bufferization.materialize_in_destination %[[B]] in %[[A]]
// CHECK:           scf.yield %[[P]]
// CHECK:         kernel.call {{.*}} ins(%[[R]] :
varve.program @recurrent {
  varve.func @scan(%x: tensor<5x8xf32> {kind = "input", name = "x"})
      -> ({kind = "output", name = "y"}) {
    %s = varve.cumsum %x {axis = 0 : i64} : tensor<5x8xf32>
    %zero = varve.constant dense<0.0> : tensor<8xf32>
    %last = varve.scan(%zero) over(%s : tensor<5x8xf32>)
        : (tensor<8xf32>) -> tensor<8xf32> {
    ^bb0(%a: tensor<8xf32>, %row: tensor<8xf32>):
      %b = varve.add %a, %row : tensor<8xf32>
      %c = varve.tanh %b : tensor<8xf32>
      varve.yield %c : tensor<8xf32>
    } attributes {length = 5 : i64, axis = array<i64: 0>,
                  out_axis = array<i64>}
    %y = varve.square %last : tensor<8xf32>
    varve.return %y : tensor<8xf32>
  }
}

// -----

// Where stages run in parallel, kernels stand by how many others they wait for.
// CHECK-LABEL: func.func @levels
// CHECK-SAME:    varve.parallel
// CHECK:         %[[A:.*]] = kernel.call @contract_2x3 ins(%[[X:[^ ]*]],
// CHECK:         %[[B:.*]] = kernel.call @contract_2x5 ins(%[[X]],
// CHECK:         kernel.call @contract_2x4 ins(%[[A]],
// CHECK:         kernel.call @contract_2x6 ins(%[[B]],
varve.program @net attributes {train = {parallel}} {
  varve.state @a : tensor<2x3xf32> {role = "param"}
  varve.state @b : tensor<3x4xf32> {role = "param"}
  varve.state @c : tensor<2x5xf32> {role = "param"}
  varve.state @d : tensor<5x6xf32> {role = "param"}
  varve.func @levels(%x: tensor<2x2xf32> {kind = "input", name = "x"})
      uses(%a = @a : tensor<2x3xf32>, %b = @b : tensor<3x4xf32>,
           %c = @c : tensor<2x5xf32>, %d = @d : tensor<5x6xf32>)
      -> ({kind = "output", name = "y"}, {kind = "output", name = "z"}) {
    %p = varve.matmul %x, %a : tensor<2x2xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
    %y = varve.matmul %p, %b : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
    %q = varve.matmul %x, %c : tensor<2x2xf32>, tensor<2x5xf32> -> tensor<2x5xf32>
    %z = varve.matmul %q, %d : tensor<2x5xf32>, tensor<5x6xf32> -> tensor<2x6xf32>
    varve.return %y, %z : tensor<2x4xf32>, tensor<2x6xf32>
  }
}

// -----

// A kernel does not wait for itself: the sum reads its own operand through a
// view, which stands outside of kernels.
// CHECK-LABEL: func.func @through_view
// CHECK:         %[[A:.*]] = kernel.call @map_4x1
// CHECK:         %[[V:.*]] = tensor.collapse_shape %[[A]]
// CHECK:         kernel.call @map_4x1{{.*}} ins(%[[V]], %[[A]] :
varve.program @net {
  varve.func @through_view(%x: tensor<4x1xf32> {kind = "input", name = "x"})
      -> ({kind = "output", name = "y"}) {
    %a = varve.tanh %x : tensor<4x1xf32>
    %v = varve.reshape %a {shape = array<i64: 4>} : tensor<4x1xf32> -> tensor<4xf32>
    %b = varve.broadcast %v {axis = array<i64: 0>, shape = array<i64: 4, 1>} : tensor<4xf32> -> tensor<4x1xf32>
    %s = varve.sin %b : tensor<4x1xf32>
    %y = varve.add %s, %a : tensor<4x1xf32>
    varve.return %y : tensor<4x1xf32>
  }
}
