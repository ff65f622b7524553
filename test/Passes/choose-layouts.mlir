// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-choose-layouts))' -split-input-file | FileCheck %s

// Transposed at the right of a product: panels of 32 where the product's
// columns divide so, else transposed. A slot follows its parameter. One that
// stands at the left stays as it is, and so does a bias.
// CHECK-LABEL: varve.program @net
// CHECK:       varve.state @wide.weight : {{.*}}panel = 32 : i64, perm = array<i64: 1, 0>
// CHECK:       varve.state @"wide.weight:m" : {{.*}}panel = 32 : i64, perm = array<i64: 1, 0>
// CHECK:       varve.state @narrow.weight
// CHECK-NOT:   panel
// CHECK-SAME:  perm = array<i64: 1, 0>
// CHECK-NEXT:  varve.state @left.weight
// CHECK-NOT:   perm
// CHECK:       varve.func
varve.program @net {
  varve.state @wide.weight : tensor<64x16xf32> {role = "param"}
  varve.state @"wide.weight:m" : tensor<64x16xf32> {role = "slot", of = @wide.weight}
  varve.state @narrow.weight : tensor<10x64xf32> {role = "param"}
  varve.state @left.weight : tensor<64x8xf32> {role = "param"}
  varve.state @bias : tensor<64xf32> {role = "param"}
  varve.func @infer(%x: tensor<8x16xf32> {kind = "input", name = "x"})
      uses(%w = @wide.weight : tensor<64x16xf32>,
           %n = @narrow.weight : tensor<10x64xf32>,
           %l = @left.weight : tensor<64x8xf32>, %b = @bias : tensor<64xf32>)
      -> ({kind = "output", name = "y"}, {kind = "output", name = "z"}) {
    %wt = varve.transpose %w : tensor<64x16xf32> -> tensor<16x64xf32>
    %h = varve.matmul %x, %wt : tensor<8x16xf32>, tensor<16x64xf32> -> tensor<8x64xf32>
    %bb = varve.broadcast %b {axis = array<i64: 1>, shape = array<i64: 8, 64>} : tensor<64xf32> -> tensor<8x64xf32>
    %hb = varve.add %h, %bb : tensor<8x64xf32>
    %nt = varve.transpose %n : tensor<10x64xf32> -> tensor<64x10xf32>
    %y = varve.matmul %hb, %nt : tensor<8x64xf32>, tensor<64x10xf32> -> tensor<8x10xf32>
    %z = varve.matmul %l, %x : tensor<64x8xf32>, tensor<8x16xf32> -> tensor<64x16xf32>
    varve.return %y, %z : tensor<8x10xf32>, tensor<64x16xf32>
  }
}

// -----

// The channels that a convolution makes stand last, in panels of 32 where they
// divide so; those of the gradient in x follow the forward pass.
// CHECK-LABEL: varve.program @conv
// CHECK:       varve.state @wide {{.*}}panel = 32 : i64, perm = array<i64: 2, 3, 1, 0>
// CHECK:       varve.state @narrow
// CHECK-NOT:   panel
// CHECK-SAME:  perm = array<i64: 2, 3, 1, 0>
// CHECK:       varve.state @up {{.*}}panel = 32 : i64, perm = array<i64: 2, 3, 0, 1>
varve.program @conv {
  varve.state @wide : tensor<64x8x3x3xf32> {role = "param"}
  varve.state @narrow : tensor<10x64x1x1xf32> {role = "param"}
  varve.state @up : tensor<10x32x2x2xf32> {role = "param"}
  varve.func @infer(%x: tensor<2x8x6x6xf32> {kind = "input", name = "x"})
      uses(%w = @wide : tensor<64x8x3x3xf32>,
           %n = @narrow : tensor<10x64x1x1xf32>,
           %u = @up : tensor<10x32x2x2xf32>)
      -> ({kind = "output", name = "y"}, {kind = "output", name = "z"}) {
    %a = varve.conv %x, %w {dilation = array<i64: 1, 1>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x8x6x6xf32>, tensor<64x8x3x3xf32> -> tensor<2x64x6x6xf32>
    %b = varve.conv %a, %n {dilation = array<i64: 1, 1>, padding = array<i64: 0, 0>, stride = array<i64: 1, 1>} : tensor<2x64x6x6xf32>, tensor<10x64x1x1xf32> -> tensor<2x10x6x6xf32>
    %y = varve.conv_transpose %b, %u {dilation = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, padding = array<i64: 0, 0>, stride = array<i64: 2, 2>} : tensor<2x10x6x6xf32>, tensor<10x32x2x2xf32> -> tensor<2x32x12x12xf32>
    %z = varve.conv_transpose %a, %w {dilation = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, padding = array<i64: 1, 1>, stride = array<i64: 1, 1>} : tensor<2x64x6x6xf32>, tensor<64x8x3x3xf32> -> tensor<2x8x6x6xf32>
    varve.return %y, %z : tensor<2x32x12x12xf32>, tensor<2x8x6x6xf32>
  }
}

// -----

// The first product reads the matrix as it is: that by its transpose is the
// gradient, which evaluation lacks.
// CHECK-LABEL: varve.program @direct
// CHECK:       varve.state @weight
// CHECK-NOT:   perm
// CHECK:       varve.func
varve.program @direct {
  varve.state @weight : tensor<16x64xf32> {role = "param"}
  varve.func @infer(%x: tensor<8x16xf32> {kind = "input", name = "x"})
      uses(%w = @weight : tensor<16x64xf32>)
      -> ({kind = "output", name = "y"}, {kind = "output", name = "dx"}) {
    %y = varve.matmul %x, %w : tensor<8x16xf32>, tensor<16x64xf32> -> tensor<8x64xf32>
    %wt = varve.transpose %w : tensor<16x64xf32> -> tensor<64x16xf32>
    %dx = varve.matmul %y, %wt : tensor<8x64xf32>, tensor<64x16xf32> -> tensor<8x16xf32>
    varve.return %y, %dx : tensor<8x64xf32>, tensor<8x16xf32>
  }
}
