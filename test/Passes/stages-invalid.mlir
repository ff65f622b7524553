// RUN: varve-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(varve.program(varve-partition))'

// A parameter of two stages.
varve.program @tied {
  // expected-error@+1 {{`w` is used by stage "first" and by stage "last": a parameter learns from one loss; cut elsewhere}}
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.func @train_step(%x: tensor<4xf32> {kind = "input", name = "x"})
      uses(%w = @w : tensor<4xf32>)
      -> ({kind = "loss", name = "loss", stage = "last"},
          {kind = "cut", name = "first"},
          {kind = "loss_part", name = "stage.first", stage = "first"})
      attributes {learns} {
    %h = varve.mul %w, %x : tensor<4xf32>
    %l1 = varve.sum %h {axis = array<i64: 0>} : tensor<4xf32> -> tensor<f32>
    %y = varve.mul %w, %h : tensor<4xf32>
    %l = varve.sum %y {axis = array<i64: 0>} : tensor<4xf32> -> tensor<f32>
    varve.return %l, %h, %l1 : tensor<f32>, tensor<4xf32>, tensor<f32>
  }
}

// -----

// stage C1
varve.program @net {
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.func @f() uses(%w = @w : tensor<4xf32>) -> ({kind = "loss", name = "loss"}) {
    // expected-error@+1 {{takes ('tensor<4xf32>'), its region ()}}
    %l = varve.stage "a"(%w) trains [0] loss 0 : (tensor<4xf32>) -> tensor<f32> {
      %c = varve.constant dense<1.0> : tensor<f32>
      varve.yield %c : tensor<f32>
    }
    varve.return %l : tensor<f32>
  }
}

// -----

// stage C2
varve.program @net {
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.func @f() uses(%w = @w : tensor<4xf32>) -> ({kind = "loss", name = "loss"}) {
    // expected-error@+1 {{does not yield the types of its results}}
    %l = varve.stage "a"(%w) trains [0] loss 0 : (tensor<4xf32>) -> tensor<f32> {
    ^bb0(%a: tensor<4xf32>):
      varve.yield %a : tensor<4xf32>
    }
    varve.return %l : tensor<f32>
  }
}

// -----

// stage C3
varve.program @net {
  varve.state @w : tensor<4xf32> {role = "param"}
  varve.func @f() uses(%w = @w : tensor<4xf32>) -> ({kind = "loss", name = "loss"}) {
    // expected-error@+1 {{loss is 'tensor<4xf32>', not a float of rank 0}}
    %l = varve.stage "a"(%w) trains [0] loss 0 : (tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%a: tensor<4xf32>):
      varve.yield %a : tensor<4xf32>
    }
    varve.return %l : tensor<4xf32>
  }
}

// -----

// stage C4: two stages train one state.
varve.program @net {
  varve.state @w : tensor<f32> {role = "param"}
  varve.func @f() uses(%w = @w : tensor<f32>) -> ({kind = "loss", name = "loss"}, {kind = "loss", name = "other"}) {
    %l = varve.stage "a"(%w) trains [0] loss 0 : (tensor<f32>) -> tensor<f32> {
    ^bb0(%a: tensor<f32>):
      varve.yield %a : tensor<f32>
    }
    // expected-error@+1 {{trains input 0, and so does stage "a"}}
    %k = varve.stage "b"(%w) trains [0] loss 0 : (tensor<f32>) -> tensor<f32> {
    ^bb0(%a: tensor<f32>):
      varve.yield %a : tensor<f32>
    }
    varve.return %l, %k : tensor<f32>, tensor<f32>
  }
}

// -----

// stage C4: what another stage passes on is no parameter.
varve.program @net {
  varve.state @w : tensor<f32> {role = "param"}
  varve.func @f(%x: tensor<f32> {kind = "input", name = "x"}) -> ({kind = "loss", name = "loss"}) {
    // expected-error@+1 {{trains input 0, which is no state}}
    %l = varve.stage "a"(%x) trains [0] loss 0 : (tensor<f32>) -> tensor<f32> {
    ^bb0(%a: tensor<f32>):
      varve.yield %a : tensor<f32>
    }
    varve.return %l : tensor<f32>
  }
}

// -----

// stage C5: a gradient of the first stage comes to the second one, on a way
// through an operation between them.
varve.program @net {
  varve.state @w : tensor<f32> {role = "param"}
  varve.state @v : tensor<f32> {role = "param"}
  varve.func @f() uses(%w = @w : tensor<f32>, %v = @v : tensor<f32>) -> ({kind = "loss", name = "loss"}) {
    // expected-error@+1 {{gradient crosses a cut: stage "b" depends on a gradient of stage "a"}}
    %h, %l, %g = varve.stage "a"(%w) trains [0] loss 1 gradients 1 : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
    ^bb0(%a: tensor<f32>):
      %s = varve.mul %a, %a : tensor<f32>
      varve.yield %a, %s, %a : tensor<f32>, tensor<f32>, tensor<f32>
    }
    %n = varve.neg %g : tensor<f32>
    %k = varve.stage "b"(%v, %h, %n) trains [0] loss 0 : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32> {
    ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>):
      %s = varve.mul %a, %b : tensor<f32>
      %t = varve.mul %s, %c : tensor<f32>
      varve.yield %t : tensor<f32>
    }
    varve.return %k : tensor<f32>
  }
}

// -----

// stage C5: the loss.
varve.program @net {
  varve.state @w : tensor<f32> {role = "param"}
  varve.state @v : tensor<f32> {role = "param"}
  varve.func @f() uses(%w = @w : tensor<f32>, %v = @v : tensor<f32>) -> ({kind = "loss", name = "loss"}) {
    // expected-error@+1 {{gradient crosses a cut: stage "b" depends on the loss of stage "a"}}
    %l = varve.stage "a"(%w) trains [0] loss 0 : (tensor<f32>) -> tensor<f32> {
    ^bb0(%a: tensor<f32>):
      varve.yield %a : tensor<f32>
    }
    %k = varve.stage "b"(%v, %l) trains [0] loss 0 : (tensor<f32>, tensor<f32>) -> tensor<f32> {
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %s = varve.mul %a, %b : tensor<f32>
      varve.yield %s : tensor<f32>
    }
    varve.return %k : tensor<f32>
  }
}
