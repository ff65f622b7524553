// What the shared library around SentencePiece gives.
#ifndef VARVE_TEXT_SENTENCEPIECEPLUGIN_H
#define VARVE_TEXT_SENTENCEPIECEPLUGIN_H

#include "Text/Tokenizer.h"

/// From a .model file in memory; the caller deletes it. Null where it is none.
extern "C" varve::Tokenizer *varve_sentencepiece(const char *model,
                                                 size_t size);

#endif
