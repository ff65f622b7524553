// RUN: varve-opt %s --pass-pipeline='builtin.module(varve.program(varve-narrow-convolutions,varve-drop-dead-weights))' | FileCheck %s

// On a map of 1 by 1 only the centre of a 3 by 3 kernel meets the input; at
// stride 2 on 2 by 2, four of nine. The weights become windows. Where every tap
// meets the input somewhere, and where the padding of the first axis alone is
// too wide, no more is cut than never meets it.
// CHECK-LABEL: varve.program @net
// CHECK:       varve.state @centre : tensor<8x4x1x1xf32> {offset = array<i64: 0, 0, 1, 1>, role = "param", shape = array<i64: 8, 4, 3, 3>}
// CHECK:       varve.state @corner : tensor<4x4x2x2xf32> {offset = array<i64: 0, 0, 1, 1>, role = "param", shape = array<i64: 4, 4, 3, 3>}
// CHECK:       varve.state @all : tensor<4x4x3x3xf32> {role = "param"}
// CHECK:       varve.state @line : tensor<4x4x1x5xf32> {offset = array<i64: 0, 0, 2, 0>, role = "param", shape = array<i64: 4, 4, 5, 5>}
// CHECK:       varve.conv %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>
// CHECK:       varve.conv %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, stride = array<i64: 2, 2>}
// CHECK:       varve.conv %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>}
// CHECK:       varve.conv %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, padding = array<i64: 0, 2, 0, 2>, stride = array<i64: 1, 1>}
varve.program @net {
  varve.state @centre : tensor<8x4x3x3xf32> {role = "param"}
  varve.state @corner : tensor<4x4x3x3xf32> {role = "param"}
  varve.state @all : tensor<4x4x3x3xf32> {role = "param"}
  varve.state @line : tensor<4x4x5x5xf32> {role = "param"}
  varve.func @infer(%x: tensor<2x4x2x2xf32> {kind = "input", name = "x"},
                    %z: tensor<2x4x1x6xf32> {kind = "input", name = "z"})
      uses(%w = @centre : tensor<8x4x3x3xf32>, %v = @corner : tensor<4x4x3x3xf32>,
           %u = @all : tensor<4x4x3x3xf32>, %t = @line : tensor<4x4x5x5xf32>)
      -> ({kind = "output", name = "y"}, {kind = "output", name = "l"}) {
    %a = varve.conv %x, %u {stride = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, dilation = array<i64: 1, 1>}
        : tensor<2x4x2x2xf32>, tensor<4x4x3x3xf32> -> tensor<2x4x2x2xf32>
    %b = varve.conv %a, %v {stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
        : tensor<2x4x2x2xf32>, tensor<4x4x3x3xf32> -> tensor<2x4x1x1xf32>
    %c = varve.conv %b, %w {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
        : tensor<2x4x1x1xf32>, tensor<8x4x3x3xf32> -> tensor<2x8x1x1xf32>
    %l = varve.conv %z, %t {stride = array<i64: 1, 1>, padding = array<i64: 2, 2>, dilation = array<i64: 1, 1>}
        : tensor<2x4x1x6xf32>, tensor<4x4x5x5xf32> -> tensor<2x4x1x6xf32>
    varve.return %c, %l : tensor<2x8x1x1xf32>, tensor<2x4x1x6xf32>
  }
}

// What decays moves without a gradient: all of it stays.
// CHECK-LABEL: varve.program @decays
// CHECK:       varve.state @centre : tensor<8x4x3x3xf32> {role = "param"}
// CHECK:       varve.slice
varve.program @decays attributes {train = {optimizer = {name = "sgd", lr = 0.1, weight_decay = 0.1}}} {
  varve.state @centre : tensor<8x4x3x3xf32> {role = "param"}
  varve.func @infer(%x: tensor<2x4x1x1xf32> {kind = "input", name = "x"})
      uses(%w = @centre : tensor<8x4x3x3xf32>)
      -> ({kind = "output", name = "y"}) {
    %c = varve.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}
        : tensor<2x4x1x1xf32>, tensor<8x4x3x3xf32> -> tensor<2x8x1x1xf32>
    varve.return %c : tensor<2x8x1x1xf32>
  }
}

// One function reads the whole.
// CHECK-LABEL: varve.program @whole
// CHECK:       varve.state @w : tensor<4x4xf32> {role = "param"}
varve.program @whole {
  varve.state @w : tensor<4x4xf32> {role = "param"}
  varve.func @part() uses(%w = @w : tensor<4x4xf32>)
      -> ({kind = "output", name = "y"}) {
    %y = varve.slice %w {begin = array<i64: 1, 0>, end = array<i64: 2, 4>, step = array<i64: 1, 1>}
        : tensor<4x4xf32> -> tensor<1x4xf32>
    varve.return %y : tensor<1x4xf32>
  }
  varve.func @all() uses(%w = @w : tensor<4x4xf32>)
      -> ({kind = "output", name = "y"}) {
    varve.return %w : tensor<4x4xf32>
  }
}
