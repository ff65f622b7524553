// The importer: an interpreter of syntax trees whose tensors are values of the
// function that it builds. What is known now is computed now; blocks are
// inlined where they are called. One object makes one program.
#ifndef VARVE_LANGUAGE_IMPORTIMPL_H
#define VARVE_LANGUAGE_IMPORTIMPL_H

#include "Language/Ast.h"
#include "Language/Diagnostic.h"
#include "Language/Import.h"
#include "Language/ImportDatum.h"
#include "varve/Dialect/Varve/Network.h"
#include "varve/Dialect/Varve/Varve.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <deque>
#include <set>

namespace varve::importer {

struct FileScope;

/// A block and the file whose names it sees.
struct BlockRef {
  const ast::Block *block = nullptr;
  const FileScope *scope = nullptr;
};

/// A network from another file: `import "net.onnx" as net`. One that trains has
/// its normalizations and dropout in training where the program trains; others
/// are as the file says.
struct NetworkRef {
  const ast::Import *node = nullptr;
  std::shared_ptr<const Network> network;
  std::string file; ///< as the text has it
  /// What the language calls its inputs, in their order.
  std::vector<std::string> inputs;
  bool trains = false;
};

/// The blocks that a file's text may call, but for the prelude's.
struct FileScope {
  FileId file = 0;
  const ast::File *tree = nullptr;
  std::map<std::string, BlockRef> blocks;
  std::map<std::string, NetworkRef> networks;
};

/// A layer made by `as`: what applying it again needs.
struct AppliedBlock {
  BlockRef block;
  std::string key;
  std::map<std::string, Datum> statics;
  /// In place of a block, and which of its values are asked for.
  const NetworkRef *network = nullptr;
  std::vector<std::string> wanted = {};
};

/// One block while it is inlined, or the settings of train or infer.
struct Frame {
  std::string blockName;
  const ast::Block *block = nullptr;
  const FileScope *scope = nullptr;
  Frame *caller = nullptr;
  /// The call that leads here, in the caller's text.
  Span callSpan;
  /// The key that names in the block's text are relative to, and that of the
  /// enclosing `layer`s: "h.0" or "".
  std::string root, path;
  std::map<std::string, Datum> names;
  /// `float`, `any` in the signature; the input that bound a dimension.
  std::map<std::string, mlir::Type> kinds;
  std::map<std::string, std::string> dimOwner;
  /// The axes that `...` stands for.
  std::optional<llvm::SmallVector<int64_t>> ellipsis;
  std::string ellipsisOwner;
  /// Names that are state, and their keys.
  std::map<std::string, std::string> states;
  /// Layers made by `as`, by key.
  std::map<std::string, AppliedBlock> layers;
  bool training = false;
  /// A layer applied again: its parameters are there already.
  bool reuse = false;
  /// In `prepare`: tensors hold a batch of samples, the text speaks of one.
  bool batched = false;
  /// Why state may not be declared or bound here ("`scan`"), or null.
  const char *stateBarrier = nullptr;
  /// In a region that runs again and again, where draws would be equal.
  bool loops = false;
  /// What the last assignment that ran has bound, in a branch as well.
  std::string lastBound;
  bool returned = false;
  Span returnSpan;
  /// Arguments are being checked: they stand in the caller's text.
  bool binding = false;
  std::vector<Datum> results;
  std::vector<Datum> *yields = nullptr;
};

/// An argument of a call, evaluated.
struct CallArgument {
  std::optional<ast::Name> name;
  Datum value;
  Span span;
  const ast::Expr *expr = nullptr;
};

/// A parameter of a block or primitive and what it got.
struct BoundArgument {
  const ast::Input *input = nullptr;
  Datum value;
  Span span;
  bool given = false;
};

/// A `varve.state` and its value in the function being built.
struct Variable {
  StateOp op;
  ast::VariableRole role = ast::VariableRole::Param;
  InitSpec init;
  /// In this function: where it was declared, its value.
  bool declared = false;
  Span place;
  mlir::Value value;
  bool updated = false;
  /// Whether its first value comes from a network's file, and training moves
  /// it by the network's own rule.
  bool imported = false, moves = false;
};

/// Every `step`-th element from `begin` to before `end`.
struct SliceRange {
  int64_t begin = 0, end = 0, step = 1;
};

/// A field of the data set.
struct SampleField {
  std::string name;
  mlir::RankedTensorType stored; ///< of one sample
  int64_t classes = 0;
  std::vector<std::string> classNames, from;
};

/// A `group` or `freeze` line and the values that it gives.
struct MatchRule {
  const ast::Match *node = nullptr;
  std::map<std::string, mlir::Attribute> values;
  bool eval = false; ///< `freeze`: the layers are not in training
};

/// A `lora` line.
struct LoraRule {
  const ast::Match *node = nullptr;
  int64_t rank = 8;
  double alpha = 16;
};

/// A matrix with a low-rank update, by keys: weight + scale * b @ a is used in
/// its place, the product transposed where the columns are what comes out.
struct Adapter {
  std::string weight, a, b;
  double scale = 1;
  bool transposed = false;
};

/// A name or pattern of layers after which a network is cut.
struct CutName {
  std::string text;
  Span span;
};

/// `learning decoupled(...) { ... }`.
struct LearningInfo {
  const ast::Learning *node = nullptr; ///< null: end to end
  std::string way;
  std::vector<CutName> cuts;
  int64_t stages = 0; ///< 0: by `cuts`
  bool each = false;  ///< after each layer
  bool balanceFlops = false;
  bool parallel = false; ///< stages run beside each other
  bool asynchronous = false;
  bool cache = false; ///< greedy: what lower stages give is kept
  int64_t buffer = 0; ///< asynchronous: steps that a boundary keeps
  /// Of `infopro`: the weights of its two losses, in the first stage and in the
  /// last but one.
  std::vector<double> reconstruct, predict;
  const ast::Expr *head = nullptr; ///< the name of a block
  const ast::Expr *optimizer = nullptr, *schedule = nullptr;
  std::vector<const ast::Term *> losses;
  std::vector<const ast::Stage *> own; ///< settings of single stages
};

/// The optimizer of a stage that has its own.
struct StageOptimizer {
  std::string stage, name;
  std::map<std::string, mlir::Attribute> values;
  /// The parameters that the stage trains, where it is of another kind than the
  /// model's.
  std::vector<std::string> parameters;
};

/// Where a network is cut, and by which layer.
struct Cut {
  std::string name;
  mlir::Value value;
  std::string layer;
};

/// `generate tokens from logits (end: 0, max: 256)`.
struct GenerateInfo {
  const ast::Generate *node = nullptr;
  /// Its arguments; an `end` of -1 is none.
  std::map<std::string, double> numbers = {
      {"begin", -1},      {"end", -1},  {"max", 256},
      {"temperature", 1}, {"top_k", 0}, {"top_p", 1}};
  int64_t vocabulary = 0; ///< tokens that the model tells apart
};

/// `data text(..., masked: 0.15, pairs: true)`.
struct TextInfo {
  double masked = 0; ///< the part of the tokens that is to be guessed
  bool pairs = false;
  int64_t marks = 0; ///< tokens of a sample that are not the text's
};

/// What `train` and `infer` say. 0 and "" are what is not said.
struct TrainInfo {
  std::string dataName;
  std::map<std::string, std::string> options;
  std::vector<SampleField> fields;
  int64_t batch = 0, epochs = 0, steps = 0, seed = 0, patience = 0,
          checkpointEvery = 0, memoryBudget = 0, accumulate = 1, shards = 1;
  double validate = 0, mixup = 0;
  std::optional<double> average;
  mlir::Type precision; ///< of products; null: as the model says
  std::string monitor, initFrom, optimizer, tokenizer;
  TextInfo text;
  std::optional<GenerateInfo> generate;
  std::optional<double> clipNorm, clipValue;
  std::map<std::string, mlir::Attribute> hyper; ///< the optimizer's values
  std::vector<MatchRule> groups, freezes;
  std::vector<LoraRule> loras;
  const ast::Prepare *prepare = nullptr;
  const ast::Expr *schedule = nullptr;
  LearningInfo learning;
  std::vector<const ast::Term *> losses, metrics, outputs;
  std::vector<std::string> lossNames, metricNames, outputNames;
  std::map<std::string, std::vector<std::string>> labels;
  std::vector<const ast::Names *> names;
};

class Importer {
public:
  Importer(mlir::MLIRContext &context, const ImportRequest &request);
  Result<ImportedProgram> run();

private:
  /// What diagnostics call the texts of overrides; those of values add the key.
  static constexpr const char *overrideName = Sources::option;

  // ---- ImportSources.cpp: files and what the command line overrides ----
  bool load();
  const FileScope *loadFile(const std::string &path, std::string text,
                            std::vector<std::string> &stack);
  bool use(FileScope &scope, const ast::Use &use, const std::string &path,
           std::vector<std::string> &stack);
  bool applyOverrides();
  ast::Expr parseOverride(const std::string &key, const std::string &text);
  bool applyOverride(const std::string &key, ast::Expr value, Span span);
  bool setDim(const std::string &name, const ast::Expr &value, Span span);
  bool chooseModel();

  // ---- ImportNetwork.cpp: networks from other files ----
  bool importNetwork(FileScope &scope, const ast::Import &node,
                     const std::string &path);
  /// The model that a network is by itself, as a text of the language.
  const ast::Block *modelOfNetwork(const NetworkRef &ref);
  const NetworkRef *findNetwork(const FileScope *scope,
                                const std::string &name) const;
  Datum callNetwork(Frame &caller, const NetworkRef &ref,
                    llvm::ArrayRef<CallArgument> arguments, Span span,
                    const std::string &key, bool named,
                    const AppliedBlock *again = nullptr);
  bool readWanted(Frame &frame, const NetworkRef &ref,
                  const CallArgument &argument,
                  std::vector<std::string> &wanted);
  /// The values of its inputs, in their order.
  bool bindPorts(Frame &frame, const NetworkRef &ref,
                 llvm::ArrayRef<CallArgument> arguments, Span span,
                 llvm::SmallVectorImpl<mlir::Value> &inputs);
  class StateOfNetwork;

  // ---- ImportLora.cpp: low-rank updates ----
  bool readLora(Frame &frame, const ast::Match &match);
  /// Puts them in place of the matrices of the model that was just run.
  bool addAdapters(Frame &settings);
  bool addAdapter(Frame &settings, const LoraRule &rule,
                  const std::string &key, Variable &variable, bool transposed);
  /// The parameters that do not learn.
  std::vector<std::string> frozenKeys() const;
  std::optional<BlockRef> findBlock(const FileScope *scope,
                                    const std::string &name) const;

  // ---- ImportDiagnose.cpp ----
  /// Reports an error and gives Poison.
  Datum error(const Frame &frame, Span span, std::string message,
              std::string remedy = "");
  /// The same for what the language has and no pass supports.
  Datum refuse(const Frame &frame, Span span, std::string message,
               std::string remedy = "");
  std::vector<Diagnostic::Note> callNotes(const Frame &frame);
  /// Where the user's own text leads to `span`: not inside the prelude.
  const Frame &userFrame(const Frame &frame, Span &span) const;
  std::string nameSamples(const std::string &text) const;
  mlir::Location location(const Frame &frame, Span span);
  bool isPrelude(Span span) const { return span.file == preludeFile; }
  /// Bounds the work that a text may ask for.
  bool spend(const Frame &frame, Span span);

  // ---- ImportExpr.cpp ----
  Datum evaluate(Frame &frame, const ast::Expr &expr);
  /// One value: the first of several.
  Datum value(Frame &frame, const ast::Expr &expr);
  Datum evaluateName(Frame &frame, const ast::Expr &expr);
  Datum evaluateMember(Frame &frame, const ast::Expr &expr);
  Datum evaluateBinary(Frame &frame, const ast::Expr &expr);
  Datum evaluateUnary(Frame &frame, const ast::Expr &expr);
  std::optional<int64_t> evaluateInt(Frame &frame, const ast::Expr &expr,
                                     const char *what);
  std::optional<bool> evaluateCondition(Frame &frame, const ast::Expr &expr,
                                        mlir::Value &runtime);
  std::optional<std::string> pathText(Frame &frame, const ast::Path &path);
  /// `h[0].attn` of an expression of names, words and indices, or none.
  std::optional<std::string> pathOfExpr(Frame &frame, const ast::Expr &expr);

  // ---- ImportStatic.cpp: what is known now ----
  Datum staticBinary(Frame &frame, const ast::Expr &expr, const Datum &x,
                     const Datum &y);
  /// `where`, `exp`, `floor` ... of numbers; nothing if it is no such call.
  std::optional<Datum> staticCall(Frame &frame, const std::string &name,
                                  llvm::ArrayRef<CallArgument> arguments,
                                  Span span);

  // ---- ImportTensor.cpp: operators on tensors ----
  mlir::Operation *build(const Frame &frame, Span span, llvm::StringRef name,
                         mlir::ValueRange operands,
                         llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  mlir::Value buildValue(const Frame &frame, Span span, llvm::StringRef name,
                         mlir::ValueRange operands,
                         llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  mlir::Value splat(const Frame &frame, Span span, mlir::Type element,
                    llvm::ArrayRef<int64_t> shape, double value);
  mlir::Value cast(const Frame &frame, Span span, mlir::Value x,
                   mlir::Type element);
  mlir::Value reshape(const Frame &frame, Span span, mlir::Value x,
                      llvm::ArrayRef<int64_t> shape);
  /// A constant from numbers and lists of them.
  Datum constant(const Frame &frame, Span span, const Datum &numbers,
                 mlir::Type element);
  /// x with axis i at axis `axes[i]` of `shape`; both count samples if there.
  mlir::Value broadcastTo(const Frame &frame, Span span, const Datum &x,
                          llvm::ArrayRef<int64_t> shape, bool batched);
  /// Gives all the same element type and shape, as operators do. Fails with a
  /// diagnostic. `exprs` (may hold null) is what remedies quote.
  bool unify(const Frame &frame, Span span,
             llvm::MutableArrayRef<Datum> operands,
             llvm::ArrayRef<const ast::Expr *> exprs, bool divides,
             bool shapes = true);
  Datum tensorBinary(Frame &frame, const ast::Expr &expr, Datum x, Datum y);
  Datum tensorPower(Frame &frame, const ast::Expr &expr, Datum x, Datum y);
  Datum matmul(Frame &frame, Span span, const Datum &x, const Datum &y);
  Datum select(Frame &frame, Span span, mlir::Value condition, Datum x,
               Datum y);
  int64_t batchOf(const Datum &datum) const {
    return datum.tensorType().getDimSize(0);
  }

  // ---- ImportIndex.cpp ----
  Datum evaluateIndex(Frame &frame, const ast::Expr &expr);
  Datum indexList(Frame &frame, const ast::Expr &expr, const Datum &list);
  std::optional<SliceRange>
  sliceOf(Frame &frame, const ast::Subscript &subscript, int64_t size);
  Datum placeOf(Frame &frame, const ast::Subscript &subscript, int64_t size);
  mlir::Value slice(const Frame &frame, Span span, mlir::Value x,
                    llvm::ArrayRef<SliceRange> ranges);

  // ---- ImportSamples.cpp ----
  Datum sampleBilinear(Frame &frame, const Datum &image, Datum y, Datum x,
                       bool zeroOutside, Span span);
  mlir::Value gatherPixels(Frame &frame, const Datum &image, mlir::Value row,
                           mlir::Value column, llvm::ArrayRef<int64_t> shape,
                           Span span);
  Datum sliceSamples(Frame &frame, const Datum &x, const Datum &start,
                     llvm::ArrayRef<int64_t> size, Span span);

  // ---- ImportType.cpp: signatures ----
  /// Checks `argument` against its declared type, binds dimensions and kinds,
  /// and turns numbers into tensors where a tensor is wanted.
  /// Whether sizes of the results that are known divide as they should.
  bool checkResultSizes(Frame &frame);
  Datum bindInput(Frame &frame, const ast::Input &input, Datum argument,
                  Span span);
  Datum bindStatic(Frame &frame, const ast::Input &input, Datum argument,
                   Span span);
  Datum bindTensor(Frame &frame, const ast::Type &type, const std::string &what,
                   Datum argument, Span span, bool result);
  bool bindShape(Frame &frame, const ast::Type &type, const std::string &what,
                 const Datum &argument, Span span, bool result);
  bool bindDim(Frame &frame, const ast::Type &type, const ast::Dim &dim,
               int64_t size, const std::string &what, const Datum &argument,
               Span span);
  std::optional<int64_t> dimSize(Frame &frame, const ast::Type &type,
                                 const ast::Dim &dim, Span span);
  /// The tensor type that a declaration of state or a field spells.
  mlir::RankedTensorType declaredType(Frame &frame, const ast::Type &type);
  mlir::Type kindOf(Frame &frame, const ast::Name &name);

  // ---- ImportCall.cpp ----
  Datum evaluateCall(Frame &frame, const ast::Expr &expr);
  bool evaluateArguments(Frame &frame, const ast::Expr &expr,
                         std::vector<CallArgument> &arguments);
  bool matchArguments(const Frame &frame, const std::string &name, Span span,
                      llvm::ArrayRef<ast::Input> inputs,
                      llvm::ArrayRef<CallArgument> arguments,
                      std::vector<BoundArgument> &bound);
  Datum callBlock(Frame &caller, BlockRef block,
                  llvm::ArrayRef<CallArgument> arguments, Span span,
                  const std::string &key, bool named,
                  const AppliedBlock *again = nullptr);
  Datum runBlock(Frame &frame, llvm::ArrayRef<BoundArgument> bound, Span span);
  std::vector<std::string> callableNames(const Frame &frame) const;

  // ---- ImportPrimitive.cpp: operations of the dialect ----
  const ast::Block *primitiveSignature(const std::string &name);
  ast::File parseSignature(const std::string &name, const std::string &text);
  Datum callPrimitive(Frame &frame, const std::string &name,
                      const ast::Block &signature,
                      llvm::ArrayRef<CallArgument> arguments, Span span);
  Datum emitPrimitive(Frame &frame, const std::string &name,
                      const ast::Block &signature,
                      std::vector<BoundArgument> &bound, Span span);
  bool attributesOf(Frame &frame, const std::string &name,
                    const ast::Block &signature,
                    llvm::ArrayRef<BoundArgument> bound,
                    llvm::ArrayRef<int64_t> xShape, bool batched,
                    llvm::SmallVectorImpl<mlir::NamedAttribute> &attributes);
  bool inferSize(Frame &frame, Span span, int64_t elements,
                 llvm::SmallVectorImpl<int64_t> &shape);
  int64_t streamOf(const std::string &path);

  // ---- ImportBuiltin.cpp: calls that are no single operation ----
  std::optional<Datum> callBuiltin(Frame &frame, const std::string &name,
                                   llvm::ArrayRef<CallArgument> arguments,
                                   Span span);
  std::optional<Datum> initialiserByName(const std::string &name) const;

  // ---- ImportStatement.cpp ----
  void runBody(Frame &frame, const ast::Body &body);
  void runStatement(Frame &frame, const ast::Statement &statement);
  void runAssign(Frame &frame, const ast::Assign &assign);
  void bindName(Frame &frame, const ast::Name &name, Datum value);
  void declareVariable(Frame &frame, const ast::Variable &variable);
  StateOp makeState(mlir::Location loc, const std::string &key,
                    mlir::RankedTensorType type, llvm::StringRef role,
                    const InitSpec &init);
  void runIf(Frame &frame, const ast::If &node);
  void runRuntimeIf(Frame &frame, const ast::If &node, mlir::Value condition);
  void runLayer(Frame &frame, const ast::Layer &layer);
  void runRepeat(Frame &frame, const ast::Repeat &repeat);
  void runRequire(Frame &frame, const ast::Require &require);
  std::optional<InitSpec> toInit(const Datum &datum) const;

  // ---- ImportLoops.cpp: bodies that become regions ----
  void runScan(Frame &frame, const ast::Scan &scan);
  void runWhile(Frame &frame, const ast::While &node);
  bool readSequences(Frame &frame, const ast::Scan &scan, int64_t &along,
                     std::vector<Datum> &sequences);
  /// The names bound before that a body binds again, and their values.
  bool findCarried(Frame &frame, const ast::Body &body, Span span,
                   std::vector<std::string> &names,
                   llvm::SmallVectorImpl<Datum> &values);
  /// Runs a body in a region whose arguments are what is carried; gives what is
  /// carried on.
  llvm::SmallVector<mlir::Value>
  runRegion(Frame &frame, mlir::ImplicitLocOpBuilder &b,
            llvm::ArrayRef<std::string> names, llvm::ArrayRef<Datum> before,
            mlir::ValueRange arguments, Span span,
            llvm::function_ref<void()> body);

  // ---- Import.cpp, ImportTrain.cpp: the functions ----
  bool buildFunctions();
  bool tryWithStandIn();
  void clearProgram();
  /// Whether inference can do without training: if that failed only for want
  /// of support. Then its errors are forgotten and `train` is no more.
  bool inferAlone();
  /// One of the training steps of greedy learning, with a `stage`.
  bool buildStep(const std::string &name, std::optional<size_t> stage = {});
  /// The step on one shard of so many samples.
  bool buildShard(const std::string &name, int64_t samples,
                  std::optional<size_t> stage);
  bool buildGreedyStep();
  bool buildLosses(Frame &settings, bool lastGreedy, size_t layersOfModel,
                   mlir::Value &total);
  bool buildInfer();
  bool buildPrepare();
  bool bindModelInputs(Frame &settings, int64_t batch,
                       std::map<std::string, Datum> &inputs);
  void beginFunction(const std::string &name, int64_t batch);
  mlir::Value addInput(mlir::Type type, const std::string &name,
                       llvm::StringRef kind);
  void addResult(mlir::Value value, const std::string &name,
                 const std::string &kind, const std::string &stage = "");
  mlir::Value useState(StateOp state);
  void finishFunction(bool updates);
  void prune();
  void gatherSamples(Frame &frame);
  bool runPrepare(Frame &settings);
  void takePreparedSamples();
  bool runModel(Frame &settings, const std::map<std::string, Datum> &inputs,
                llvm::ArrayRef<ast::Argument> statics);
  void bindTermNames(Frame &frame);
  void bindProgress(Frame &frame, bool totals);
  mlir::Value scalarTerm(Frame &frame, const ast::Expr &expr, const char *what);

  // ---- ImportMixup.cpp ----
  mlir::Value drawMixture(Frame &frame);
  mlir::Value mix(Frame &frame, mlir::Value x, mlir::Value y);
  bool mixSamples();
  /// The value of a loss over a batch, mixed where samples are.
  mlir::Value lossTerm(Frame &terms, const ast::Expr &expr);

  // ---- ImportLayers.cpp ----
  /// Whether a `freeze ... (eval: true)` is about the layer of this path whose
  /// own parameters the statements declare.
  bool isInEvaluation(const std::string &path, const ast::Body &body) const;
  bool isInEvaluation(const std::string &path,
                      const std::vector<std::string> &parameters) const;
  /// A layer, and what was made while its text ran.
  struct LayerRecord {
    std::string path;
    int parent = -1;
    mlir::Value value;
    mlir::RankedTensorType type; ///< of the value, which may go
  };
  /// While it lives, operations are made in the layer.
  class InLayer {
  public:
    InLayer(Importer &importer, std::string path);
    ~InLayer();
    /// The layer's value, `h` to a local loss.
    void setValue(const Datum &datum);

  private:
    Importer &importer;
    int outer;
  };
  struct LayerListener : public mlir::OpBuilder::Listener {
    explicit LayerListener(Importer &importer) : importer(importer) {}
    void
    notifyOperationInserted(mlir::Operation *op,
                            mlir::OpBuilder::InsertPoint previous) override;
    Importer &importer;
  };
  int layerBelow(mlir::Operation *op, int parent) const;
  void wrapRun(llvm::ArrayRef<mlir::Operation *> run, int index);
  void wrapLayers(mlir::Block &block, int parent);
  /// Notes the function's outermost layers and what each reads, for pictures.
  void noteGraph();

  // ---- ImportLearning.cpp: what `learning` says ----
  bool readLearning(Frame &frame, const ast::Learning &learning);
  bool readLearningArgument(Frame &frame, const ast::Argument &argument);
  bool checkLearning(Frame &frame, const ast::Learning &learning);
  bool readCuts(Frame &frame, const ast::Expr &expr);
  bool matchesCut(const ast::Stage &stage, const Cut &cut) const;
  struct StageSettings;
  bool readStage(Frame &frame, const ast::Stage &stage, bool last,
                 StageSettings &out);
  bool readStageSettings(Frame &frame, const std::vector<Cut> &cuts);

  // ---- ImportStages.cpp: cuts, heads and losses of stages ----
  /// Where the model that was just run is cut; fails with a diagnostic.
  bool findCuts(Frame &frame, std::vector<Cut> &cuts, size_t layersOfModel,
                mlir::Value loss);
  /// The loss of each stage but the last, as results of the function.
  bool buildStageLosses(Frame &settings, size_t layersOfModel,
                        mlir::Value loss);
  /// That of one stage; `alone` where it is what the function learns.
  bool buildStageLoss(Frame &settings, const Cut &cut, bool alone);
  /// "stage_input:STAGE": what a greedy stage reads of those below.
  bool buildStageInput();
  /// In the stage's step: the same, kept, in place of those below.
  bool takeStageInput(Frame &settings, size_t stage, size_t layersOfModel);
  /// What a greedy stage's own step learns.
  bool buildGreedyLoss(Frame &settings, size_t stage, size_t layersOfModel,
                       mlir::Value &loss);
  /// The factors on learning rates, by stage where one has its own.
  bool buildSchedules(Frame &settings, std::optional<size_t> stage);
  Datum callHead(Frame &frame, const Datum &h);
  std::string lastStageName(size_t layersOfModel) const;
  /// The value after a layer of the model that was just run.
  mlir::Value valueAfter(const std::string &layer, size_t layersOfModel) const;
  /// Returns the value below which stage `stage` changes nothing.
  void addFrozenCut(size_t stage, size_t layersOfModel);

  // ---- ImportOwners.cpp: what belongs to which stage ----
  /// The stage of each operation that one needs, as partition will cut.
  llvm::DenseMap<mlir::Operation *, std::string> findOwners();
  /// Notes what stages with another kind of optimizer train.
  void noteParameters();
  /// Asynchronous stages: each reads what the one below has put down before.
  bool buildBuffers(Frame &settings);

  // ---- ImportWays.cpp: the losses of the ways that are named by papers ----
  /// The labels of the model's loss, as text, and how many classes there are.
  struct Labels {
    std::string text;
    int64_t classes;
  };
  std::optional<Labels> labelsOfLoss(Frame &frame);
  /// Whether the way has losses of its own.
  bool hasOwnLosses() const;
  /// Those of one stage.
  bool ownLosses(Frame &frame, const Cut &cut, const Datum &h,
                 std::vector<const ast::Term *> &losses);
  bool addOwnTerm(const std::string &name, const std::string &text,
                  std::vector<const ast::Term *> &losses);
  bool readWeights(Frame &frame, const ast::Argument &argument,
                   std::vector<double> &out);
  /// The pass of Forward-Forward over samples with their labels and with wrong
  /// ones; cuts get their values in it.
  bool runContrast(Frame &settings, const std::map<std::string, Datum> &inputs,
                   std::vector<Cut> &cuts);
  /// Whether the stage that makes `to` does without the length of `from`.
  bool hidesLength(mlir::Value from, mlir::Value to);

  // ---- ImportSettings.cpp: what train and infer say besides ----
  bool readSettings();
  bool readTrainSetting(Frame &frame, const ast::Setting &setting);
  bool readInferSetting(Frame &frame, const ast::Setting &setting);
  bool readValue(Frame &frame, const ast::Value &node, bool trains);
  bool readFreeze(Frame &frame, const ast::Match &match, MatchRule &rule);
  bool readData(Frame &frame, const ast::Data &data);
  bool readField(Frame &frame, const ast::Field &field);
  /// The name of an optimizer, and its values with those that it has when
  /// nothing is said.
  bool readOptimizer(Frame &frame, const ast::Expr &expr, std::string &name,
                     std::map<std::string, mlir::Attribute> &out);
  bool readHyper(Frame &frame, const std::string &owner,
                 const std::string &optimizer,
                 llvm::ArrayRef<ast::Argument> arguments,
                 std::map<std::string, mlir::Attribute> &out);
  bool readLabels(Frame &frame, const ast::Labels &labels, bool infers);
  bool readNames(Frame &frame, const ast::Names &names);

  static void nameTerms(llvm::ArrayRef<const ast::Term *> terms,
                        const char *single, std::vector<std::string> &names);

  // ---- ImportText.cpp ----
  bool readTokenizer(Frame &frame, const ast::Expr &expr, std::string &text);
  bool checkText(Frame &frame, const ast::Data &data);
  bool checkTextFields(Frame &frame, const ast::Data &data, int64_t length);
  bool checkParallelText(Frame &frame, const ast::Data &data);
  bool checkParallelFields(Frame &frame, const ast::Data &data);
  void gatherText(Frame &frame, mlir::Value row, mlir::Value marks,
                  mlir::Value indices);
  std::map<std::string, mlir::Value> gatherMasked(Frame &frame, mlir::Value row,
                                                  mlir::Value marks,
                                                  mlir::Value start);
  bool readGenerate(Frame &frame, const ast::Generate &generate);
  bool checkGenerate(Frame &frame);
  bool bindGenerated(Frame &frame);

  // ---- ImportAttributes.cpp ----
  mlir::DictionaryAttr settingsAttribute();
  mlir::DictionaryAttr trainAttribute();
  /// Reports patterns of groups and freezes that match no parameter.
  bool checkPatterns(Frame &frame);

  mlir::MLIRContext &context;
  const ImportRequest &request;
  mlir::OpBuilder builder;
  Sources sources;
  Diagnostics diagnostics;
  bool onlyRefusals = true, anyRefusal = false;
  std::set<std::string> reported;
  std::vector<std::string> filesRead;

  std::deque<ast::File> trees;
  std::deque<FileScope> scopes;
  const FileScope *mainScope = nullptr, *preludeScope = nullptr;
  ast::File *mainTree = nullptr;
  FileId preludeFile = 0;
  std::map<std::string, ast::File> signatures;
  /// Arguments of the model that the command line sets.
  std::map<std::string, ast::Expr> modelSets;

  const ast::Block *model = nullptr;
  ast::Train *train = nullptr, *infer = nullptr;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  ProgramOp program;
  FuncOp func;
  std::map<std::string, Variable> variables;
  std::map<std::string, int64_t> ordinals;
  std::vector<LayerRecord> layers;
  struct GraphLayer {
    std::string name, type;
    std::set<int64_t> from;
  };
  std::vector<GraphLayer> graph;
  llvm::DenseMap<mlir::Operation *, int> layerOf;
  int currentLayer = -1;
  LayerListener listener{*this};
  std::vector<mlir::Value> returned;
  std::vector<mlir::Attribute> returnedInfo, uses;
  StateOp counter;
  /// The training step was built: no other function has more state, but for
  /// caches.
  bool stateComplete = false;
  bool hasCaches = false;
  /// Inputs that are there before anything asks for them; `step` and `seed`
  /// are read by random operations.
  mlir::Value seed, step, epoch, epochs, steps;
  /// In `prepare`: the seed of the epoch, and each sample's number.
  mlir::Value sampleSeed, sampleNumbers;
  int64_t samplesInBatch = 0;
  /// Of the training step, in order.
  llvm::SmallVector<int64_t> shardSizes;
  /// A first attempt with this many samples, a prime, finds what holds for the
  /// given batch by accident only: symbolic sizes never stretch, and print as
  /// their name. Its result is dropped.
  static constexpr int64_t standInSamples = 997;
  bool trial = false;
  std::string samplesName = "N";
  /// The trial divided the number of samples: its errors may be wrong.
  bool inconclusive = false;
  uint64_t spent = 0;
  unsigned depth = 0;

  std::map<std::string, Datum> samples; ///< after `prepare`
  /// With `mixup`: the part of the batch's own order, and the other order of
  /// what is not mixed itself.
  mlir::Value mixture;
  std::map<std::string, Datum> partners;
  std::map<std::string, Datum> modelNames, modelResults;
  std::map<std::string, AppliedBlock> modelLayers;
  std::vector<std::string> resultOrder;
  std::map<std::string, int64_t> modelDims;
  /// Sizes that the request gives, and those of them that fields have.
  std::map<std::string, int64_t> dims;
  std::set<std::string> fieldDims;
  TrainInfo info;
  /// Of the training step: the losses of its stages, and the optimizers and
  /// schedules of those that have their own.
  std::vector<std::string> stageLosses;
  std::vector<StageOptimizer> stageOptimizers;
  std::map<std::string, const ast::Expr *> stageSchedules;
  /// Of the whole training step; values are no longer there.
  std::vector<Cut> stageCuts;
  std::string lastStage;
  std::vector<int64_t> stageEpochs;
  std::deque<ast::Term> ownTerms;
  std::vector<Adapter> adapters;
  /// The file that a network under a key comes from.
  std::map<std::string, std::string> importedAt;
  /// While the model runs up to the end of this layer, it does not train.
  std::string frozenUntil;
  bool frozen = false;
};

/// The quantiles of Beta(a, a) at 0, 1 / count, ..., 1.
std::vector<double> betaQuantiles(double a, int count);

/// NumPy's common shape, or nothing.
std::optional<llvm::SmallVector<int64_t>>
commonShape(llvm::ArrayRef<int64_t> x, llvm::ArrayRef<int64_t> y);

} // namespace varve::importer
#endif
