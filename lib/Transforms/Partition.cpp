// Cuts a network into stages that learn. End to end is the only way so far:
// one stage, layers inlined.
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_PARTITION
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

namespace {
struct PartitionPass : public varve::impl::PartitionBase<PartitionPass> {
  void runOnOperation() override {
    // Inner layers first: post-order.
    getOperation().walk([](LayerOp layer) {
      Block &body = layer.getBody().front();
      auto yield = cast<YieldOp>(body.getTerminator());
      layer.replaceAllUsesWith(yield.getValues());
      yield.erase();
      layer->getBlock()->getOperations().splice(Block::iterator(layer),
                                                body.getOperations());
      layer.erase();
    });
  }
};
} // namespace
