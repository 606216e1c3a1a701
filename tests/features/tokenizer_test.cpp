#include "limbic/features/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "limbic/core/rng.h"
#include "limbic/features/feature_extractor.h"
#include "limbic/features/hashed_ngrams.h"
#include "limbic/features/word_vocabulary.h"
#include "support/paths.h"
#include "tokenizer_files_for_tests.h"

namespace limbic::features {
namespace {

using test_files::bpe_json;
using test_files::sentencepiece_model;
using test_files::unigram_json;
using test_files::word_piece_vocabulary;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string written(const test::TempDir& dir, const std::string& name, const std::string& bytes) {
  std::ofstream(dir / name, std::ios::binary) << bytes;
  return dir / name;
}

/// The text under each token.
std::vector<std::string> covered(const std::string& text, const Encoding& encoding) {
  std::vector<std::string> parts;
  for (const auto& span : encoding.spans)
    parts.push_back(text.substr(static_cast<size_t>(span.begin), static_cast<size_t>(span.end - span.begin)));
  return parts;
}

// Ids of the next three tests: Hugging Face tokenizers 0.22.2 with the same files.
TEST(Tokenizer, CutsWordPiecesAsBert) {
  const test::TempDir dir;
  const auto tokenizer = load_tokenizer(written(dir, "vocab.txt", word_piece_vocabulary()));
  const std::string text = "Héllo, WORLDS!\t你好 unaffable café xyz don't [MASK] [SEP]";
  const auto encoding = tokenizer->encode(text);
  EXPECT_THAT(encoding.ids,
              ElementsAre(2, 4, 11, 5, 6, 12, 13, 14, 8, 9, 10, 7, 1, 17, 15, 16, 1, 1, 1, 3, 3));
  EXPECT_THAT(covered(text, encoding),
              ElementsAre("", "Héllo", ",", "WORLD", "S", "!", "你", "好", "un", "aff", "able", "café", "xyz",
                          "don", "'", "t", "[", "MASK", "]", "[SEP]", ""));
  EXPECT_EQ(tokenizer->decode(encoding.ids), "hello, worlds! 你 好 unaffable cafe don ' t");
  EXPECT_TRUE(encoding.is_special.front() && encoding.is_special.back() && !encoding.is_special[19]);
}

TEST(Tokenizer, CutsByteLevelPairsAsRoberta) {
  const test::TempDir dir;
  const auto tokenizer = load_tokenizer(written(dir, "tokenizer.json", bpe_json().dump()));
  const std::string text = "hello world's 12\n\n hé!  hello <mask> world";
  const auto encoding = tokenizer->encode(text);
  EXPECT_THAT(encoding.ids,
              ElementsAre(0, 22, 27, 29, 10, 14, 15, 16, 16, 10, 3, 28, 11, 10, 10, 22, 2, 27, 1));
  EXPECT_EQ(covered(text, encoding)[2], "world");  // the blank before it is trimmed
  EXPECT_EQ(covered(text, encoding)[16], "<mask>");
  EXPECT_EQ(tokenizer->decode(encoding.ids), "hello world's 12\n\n hé!  hello world");
}

TEST(Tokenizer, FindsTheMostProbableUnigrams) {
  const test::TempDir dir;
  const auto tokenizer = load_tokenizer(written(dir, "tokenizer.json", unigram_json().dump()));
  EXPECT_THAT(tokenizer->encode("Hello  ｗｏｒｌｄ! ① zzz hello").ids,
              ElementsAre(5, 6, 7, 10, 2, 11, 2, 0, 5, 1));
  EXPECT_EQ(tokenizer->decode({5, 6, 7, 10, 2, 11, 2, 0, 5, 1}), "hello world! 1  hello");
  EXPECT_THAT(tokenizer->encode("").ids, ElementsAre(1));
}

TEST(Tokenizer, OfSentencePieceAgreesWithTheLibrary) {
  if (std::system("/usr/bin/python3 -c 'import sentencepiece' 2>/dev/null") != 0)
    GTEST_SKIP() << "python3-sentencepiece is absent";
  const test::TempDir dir;
  const std::vector<std::string> texts{
      "hello world", "  hello   low ", "Hellö", "lo<x>lo", "low low zz low", "", "   "};
  for (const int kind : {1, 2}) {
    for (const bool has_bytes : {false, true}) {
      const auto path = written(dir, "m.model", sentencepiece_model(kind, has_bytes));
      const auto tokenizer = load_tokenizer(path);
      written(dir, "texts.json", nlohmann::json(texts).dump());
      const std::string command =
          "/usr/bin/python3 -c \"import json,sentencepiece as s; m=s.SentencePieceProcessor(model_file='" +
          path + "'); print([m.encode(t) for t in json.load(open('" + (dir / "texts.json") + "'))])\" > " +
          (dir / "ids");
      ASSERT_EQ(std::system(command.c_str()), 0);
      const auto judged = nlohmann::json::parse(core::read_file(dir / "ids"));
      for (size_t i = 0; i < texts.size(); ++i)
        EXPECT_EQ(judged[i].get<std::vector<int32_t>>(), tokenizer->encode(texts[i]).ids)
            << kind << has_bytes << " '" << texts[i] << "'";
    }
  }
}

// Ids: libsentencepiece 0.1.97.
TEST(Tokenizer, ReadsSentencePieceModels) {
  const test::TempDir dir;
  const auto unigram =
      load_sentencepiece(written(dir, "u.model", sentencepiece_model(1, true)), {true, true});
  const auto encoding = unigram->encode(" hello  lö");
  EXPECT_EQ(encoding.ids.front(), 1);
  EXPECT_EQ(encoding.ids.back(), 2);
  EXPECT_EQ(unigram->decode(encoding.ids), "hello lö");
  const auto plain = load_sentencepiece(written(dir, "p.model", sentencepiece_model(2, false)));
  EXPECT_EQ(plain->decode(plain->encode("low zz hello").ids), "low  ⁇  hello");
}

TEST(Tokenizer, TruncatesOnTheSideThatIsAskedFor) {
  const test::TempDir dir;
  const auto tokenizer = load_wordpiece(written(dir, "vocab.txt", word_piece_vocabulary()));
  EncodeOptions options;
  options.max_length = 4;
  EXPECT_THAT(tokenizer->encode("hello world , !", options).ids, ElementsAre(2, 4, 5, 3));
  EXPECT_EQ(tokenizer->encode("hello world , !", options).num_cut, 2);
  options.truncate = TruncateSide::kBegin;
  EXPECT_THAT(tokenizer->encode("hello world , !", options).ids, ElementsAre(2, 11, 12, 3));
  options.max_length = 2;
  EXPECT_THAT(test::error_of([&] { tokenizer->encode("hello", options); }, ErrorCode::kConfig),
              HasSubstr("no room"));
}

TEST(Tokenizer, CountsBytesThatAreNotUtf8AsOneCharacterEach) {
  const test::TempDir dir;
  const auto tokenizer = load_tokenizer(written(dir, "tokenizer.json", unigram_json().dump()));
  const std::string text = "hello\xff\xe4\xbd world";
  const auto encoding = tokenizer->encode(text);
  EXPECT_THAT(covered(text, encoding), ElementsAre("hello", "\xff\xe4\xbd", " wor", "ld", ""));
}

TEST(Tokenizer, NamesWhatATokenizerJsonHasThatIsNotSupported) {
  const test::TempDir dir;
  const auto refusal = [&](const char* pointer, const nlohmann::json& value) {
    auto json = unigram_json();
    json[nlohmann::json::json_pointer(pointer)] = value;
    return test::error_of([&] { load_tokenizer(written(dir, "tokenizer.json", json.dump())); },
                          ErrorCode::kData);
  };
  EXPECT_THAT(refusal("/normalizer/type", "Nmt"),
              HasSubstr("normalizer: the normaliser 'Nmt' is not supported"));
  EXPECT_THAT(refusal("/pre_tokenizer/type", "UnicodeScripts"),
              HasSubstr("'UnicodeScripts' is not supported"));
  EXPECT_THAT(refusal("/normalizer/normalizers/2/pattern", {{"Regex", "(?<=a)b"}}),
              HasSubstr("normalizers[2].pattern.Regex: the regular expression '(?<=a)b' is not supported"));
  EXPECT_THAT(refusal("/model/type", "Magic"), HasSubstr("model 'Magic'"));
  EXPECT_THAT(refusal("/model/unk_id", 99), HasSubstr("99 is not in the vocabulary of 14"));
  EXPECT_THAT(refusal("/decoder/type", "CTC"), HasSubstr("'CTC'"));
}

TEST(Tokenizer, ReadsAMegabyteWithoutABlank) {
  const test::TempDir dir;
  const std::string text(1 << 20, 'l');
  for (const auto& json : {bpe_json(), unigram_json()}) {
    const auto tokenizer = load_tokenizer(written(dir, "tokenizer.json", json.dump()));
    EXPECT_EQ(tokenizer->encode(text).spans.rbegin()[1].end, 1 << 20);
  }
  const auto words = load_wordpiece(written(dir, "vocab.txt", word_piece_vocabulary()));
  EXPECT_THAT(words->encode(text).ids, ElementsAre(2, 1, 3));
  const auto pieces = load_sentencepiece(written(dir, "m.model", sentencepiece_model(2, false)));
  EXPECT_EQ(pieces->encode(text).spans.back().end, 1 << 20);
  EXPECT_THAT(test::error_of([&] { words->encode(std::string(5 << 20, 'l')); }, ErrorCode::kData),
              HasSubstr("split it"));
}

TEST(TokenizerMutants, AreReadOrRefused) {
  const test::TempDir dir;
  core::Rng rng(17);
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.uniform() * static_cast<double>(n)); };
  const std::string bpe = bpe_json().dump();
  WordCounter counter({true, 1, 0});
  counter.add("hello hello world don't !");
  counter.save(dir / "words.txt");
  const std::vector<std::pair<std::string, std::string>> files{
      {"tokenizer.json", bpe},
      {"tokenizer.json", unigram_json().dump()},
      {"vocab.txt", word_piece_vocabulary()},
      {"u.model", sentencepiece_model(1, true)},
      {"b.model", sentencepiece_model(2, true)},
      {"words.txt", core::read_file(dir / "words.txt")}};
  for (const auto& [name, good] : files) {
    int num_read = 0;
    int num_refused = 0;
    for (int i = 0; i < 2000; ++i) {
      std::string bytes = good;
      if (name == "tokenizer.json" && i % 4 != 0) {
        bytes = test_files::edited_json(nlohmann::json::parse(good), rng).dump();
      } else {
        for (size_t k = 1 + below(5); k > 0 && !bytes.empty(); --k) {
          const size_t at = below(bytes.size());
          switch (below(5)) {
            case 0:
              bytes[at] = static_cast<char>(below(256));
              break;
            case 1:
              bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
              break;
            case 2:
              bytes.erase(at, 1 + below(8));
              break;
            case 3:
              bytes.insert(at, bytes.substr(below(bytes.size()), below(32)));
              break;
            default:
              bytes.resize(at);
              break;
          }
        }
      }
      try {
        const auto tokenizer = load_tokenizer(written(dir, name, bytes));
        const auto encoding = tokenizer->encode("Hello, wörld's <x> 12 \xff zz ½ lowlow");
        for (const auto& span : encoding.spans) EXPECT_TRUE(span.begin <= span.end && span.end <= 38);
        tokenizer->decode(encoding.ids);
        ++num_read;
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::kData) << e.what();
        ++num_refused;
      }
    }
    EXPECT_GT(num_read, 0) << name;
    EXPECT_GT(num_refused, 0) << name;
  }
}

TEST(WordVocabulary, KeepsFrequentWordsInAFixedOrder) {
  const test::TempDir dir;
  WordCounter a({true, 2, 0});
  WordCounter b({true, 2, 0});
  for (const char* text : {"Don't go!", "don’t stay! Go", "rare go"}) a.add(text);
  for (const char* text : {"rare go", "don’t stay! Go", "Don't go!"}) b.add(text);
  a.save(dir / "a.txt");
  b.save(dir / "b.txt");
  EXPECT_EQ(core::read_file(dir / "a.txt"), "limbic-words 1 lower_case=true\ngo\t3\n!\t2\ndon't\t2\n");
  EXPECT_EQ(core::read_file(dir / "a.txt"), core::read_file(dir / "b.txt"));
  const auto tokenizer = load_tokenizer(dir / "a.txt");
  EXPECT_THAT(tokenizer->encode("DON'T go, rare!").ids, ElementsAre(4, 2, 1, 1, 3));
  EXPECT_EQ(tokenizer->vocabulary_size(), 5);
}

// Published vectors of MurmurHash3.
TEST(HashedNgrams, HashesAsMurmur3) {
  EXPECT_EQ(murmur3_32("", 1), 0x514E28B7u);
  EXPECT_EQ(murmur3_32("test", 0), 0xBA6BD213u);
  EXPECT_EQ(murmur3_32("Hello, world!", 0), 0xC0363E43u);
}

TEST(HashedNgrams, AgreeWithScikitLearn) {
  if (std::system("/usr/bin/python3 -c 'import sklearn' 2>/dev/null") != 0)
    GTEST_SKIP() << "scikit-learn is absent";
  const test::TempDir dir;
  const std::vector<std::string> texts{"No no, NO way!", "Ångström ΣΊΣΥΦΟΣ İ naïve", "a  b\tc \x1d d é", "",
                                       "ab"};
  written(dir, "texts.json", nlohmann::json(texts).dump());
  written(dir, "judge.py", R"(import json,sys
from sklearn.feature_extraction.text import HashingVectorizer as H, TfidfTransformer as I
import numpy as np
T=json.load(open(sys.argv[1])); out=[]
for sublinear in (False,True):
    blocks=[]
    for a,r in (('word',(1,2)),('char_wb',(2,4))):
        x=H(n_features=64,analyzer=a,ngram_range=r,strip_accents='unicode',norm=None,alternate_sign=not sublinear).transform(T)
        blocks.append(I(sublinear_tf=sublinear).fit_transform(x).toarray())
    out.append(np.hstack(blocks).tolist())
print(json.dumps(out))
)");
  const std::string command = "OMP_NUM_THREADS=1 /usr/bin/python3 " + (dir / "judge.py") + " " +
                              (dir / "texts.json") + " > " + (dir / "out.json");
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto judged = nlohmann::json::parse(core::read_file(dir / "out.json"));
  HashedNgramsConfig config;
  config.num_features = 64;
  config.characters = {2, 4};
  config.strip_accents = true;
  for (const bool is_sublinear : {false, true}) {
    config.is_sublinear = is_sublinear;
    config.is_signed = !is_sublinear;  // the judge's logarithm takes no negative counts
    IdfCounter idf(config);
    for (const auto& text : texts) idf.add(text);
    const HashedNgrams ngrams(config, idf.idf());
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto x_F = ngrams.vector(texts[i]);
      for (size_t f = 0; f < x_F.size(); ++f)
        EXPECT_NEAR(x_F[f], judged[is_sublinear ? 1 : 0][i][f].get<double>(), 1e-12) << texts[i];
    }
  }
}

TEST(Tokenizers, FeaturesKnowTheirVocabulary) {
  const test::TempDir dir;
  TokensFeature feature;
  feature.tokenizer = written(dir, "vocab.txt", word_piece_vocabulary());
  EXPECT_EQ(vocabulary_size(feature), load_tokenizer(feature.tokenizer)->vocabulary_size());
  EXPECT_EQ(vocabulary_size(ValuesFeature{}), 0);
}

}  // namespace
}  // namespace limbic::features
