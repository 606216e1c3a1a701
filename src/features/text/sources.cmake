list(APPEND sources text/bpe_model.cpp text/byte_trie.cpp text/hashed_ngrams.cpp text/normalizer.cpp text/pattern.cpp text/pipeline.cpp text/pre_tokenizer.cpp
  text/sentencepiece.cpp text/text_codes.cpp text/token_model.cpp text/tokenizer_files.cpp text/tokenizer_json.cpp text/unigram_model.cpp text/word_vocabulary.cpp)
