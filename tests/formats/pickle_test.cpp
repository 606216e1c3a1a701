#include "limbic/formats/pickle.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "limbic/core/rng.h"
#include "sensor_files_for_tests.h"

namespace limbic::formats {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::string_literals;

std::string from_hex(std::string_view digits) {
  std::string out;
  for (size_t i = 0; i < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string shown_real(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return std::isnan(value) ? "nan" : fmt::format("{:016x}", bits);
}

/// One line that tells everything of a value; the judge below writes the same of Python's.
void describe(const PickleValue& value, std::string& out, int& budget) {
  if (--budget < 0) return;
  const auto each = [&](const char* open, const char* close) {
    out += open;
    for (uint64_t i = 0; i < value.size() && budget > 0; ++i) {
      describe(value.item(i), out, budget);
      out += ',';
    }
    out += close;
  };
  switch (value.kind()) {
    case PickleKind::kNone:
      out += "N";
      break;
    case PickleKind::kBool:
      out += value.boolean() ? "T" : "F";
      break;
    case PickleKind::kInt:
      if (std::abs(value.real()) < 9e18)
        out += fmt::format("i{}", value.integer());
      else
        out += "I" + shown_real(value.real());
      break;
    case PickleKind::kFloat:
      out += "f" + shown_real(value.real());
      break;
    case PickleKind::kComplex:
      out += "c" + shown_real(value.complex().real()) + shown_real(value.complex().imag());
      break;
    case PickleKind::kText:
      out += "t" + to_hex(value.text());
      break;
    case PickleKind::kBytes:
      out += "b" + to_hex(value.bytes());
      break;
    case PickleKind::kList:
      each("[", "]");
      break;
    case PickleKind::kTuple:
      each("(", ")");
      break;
    case PickleKind::kSet: {  // in any order
      std::vector<std::string> members;
      for (uint64_t i = 0; i < value.size() && budget > 0; ++i)
        describe(value.item(i), members.emplace_back(), budget);
      std::sort(members.begin(), members.end());
      out += fmt::format("<{}>", fmt::join(members, ","));
      break;
    }
    case PickleKind::kDict:
      out += "{";
      for (uint64_t i = 0; i < value.size() && budget > 0; ++i) {
        describe(value.key(i), out, budget);
        out += ':';
        describe(value.value(i), out, budget);
        out += ',';
      }
      out += "}";
      break;
    case PickleKind::kArray: {
      const PickleArray array = value.array();
      out += "a" + array.dtype() + "(";
      for (const uint64_t dim : array.shape()) out += fmt::format("{},", dim);
      out += ")";
      if (array.is_object())
        each("[", "]");
      else if (array.is_text())
        for (const std::string& text : array.to_text()) out += to_hex(text) + ",";
      else if (array.is_number())
        for (const double number : array.to_npy().values) out += shown_real(number) + ",";
      break;
    }
    case PickleKind::kType:
      out += "type";
      break;
  }
}

std::string described(const PickleValue& value) {
  std::string out;
  int budget = 1000000;
  describe(value, out, budget);
  return out;
}

/// Where two descriptions part; empty when they are equal.
std::string difference(const std::string& mine, const std::string& theirs) {
  if (mine == theirs) return "";
  const auto parting = std::mismatch(mine.begin(), mine.end(), theirs.begin(), theirs.end());
  const auto at = static_cast<size_t>(parting.first - mine.begin());
  const size_t begin = at - std::min<size_t>(at, 40);
  return fmt::format("at {}: {} but Python's {}", at, mine.substr(begin, 80), theirs.substr(begin, 80));
}

/// numpy (up to protocol 4) and joblib turn arrays into the machine's byte order; here they stay as in the
/// file.
std::string without_byte_order(std::string description) {
  for (size_t at = 0; (at = description.find("a>", at)) != std::string::npos; ++at) description[at + 1] = '<';
  return description;
}

/// Python's side of `described`.
const std::string kDescribe = R"(
import sys, struct, pickle, collections, numpy as np
def real(x):
    x = float(x)
    return 'nan' if x != x else struct.pack('>d', x).hex()
def describe(v):
    if v is None: return 'N'
    if isinstance(v, (bool, np.bool_)): return 'T' if v else 'F'
    if isinstance(v, (int, np.integer)): return 'i%d' % v if abs(float(v)) < 9e18 else 'I' + real(v)
    if isinstance(v, (float, np.floating)): return 'f' + real(v)
    if isinstance(v, complex): return 'c' + real(v.real) + real(v.imag)
    if isinstance(v, str): return 't' + v.encode().hex()
    if isinstance(v, (bytes, bytearray)): return 'b' + bytes(v).hex()
    if isinstance(v, (list, collections.deque)): return '[' + ''.join(describe(i) + ',' for i in v) + ']'
    if isinstance(v, tuple): return '(' + ''.join(describe(i) + ',' for i in v) + ')'
    if isinstance(v, (set, frozenset)): return '<' + ','.join(sorted(describe(i) for i in v)) + '>'
    if isinstance(v, dict): return '{' + ''.join(describe(k) + ':' + describe(i) + ',' for k, i in v.items()) + '}'
    if isinstance(v, np.ndarray):
        head = 'a' + v.dtype.str.split('[')[0] + '(' + ''.join('%d,' % n for n in v.shape) + ')'
        flat = np.asarray(v).ravel(order='C')
        if v.dtype.kind == 'O': return head + '[' + ''.join(describe(i) + ',' for i in flat) + ']'
        if v.dtype.kind == 'U': return head + ''.join(s.encode().hex() + ',' for s in flat)
        if v.dtype.kind == 'S': return head + ''.join(bytes(s).hex() + ',' for s in flat)
        if v.dtype.kind in 'fiub': return head + ''.join(real(i) + ',' for i in flat)
        return head
    if isinstance(v, type): return 'type'
    raise TypeError(type(v))
rng = np.random.RandomState(3)
x = np.arange(24).reshape(2, 3, 4)
shared = [1, 'twice']
values = {
    'none': None, 'bools': [True, False], 'big': [2 ** 62, -2 ** 63, 2 ** 64, -2 ** 100, 10 ** 300],
    'ints': [0, 1, -1, 255, 256, 65535, 65536, -65536, 2 ** 31 - 1, 2 ** 31, -2 ** 31, 2 ** 40],
    'reals': [0.0, -0.0, 1.5, 1e-310, 1e308, float('inf'), float('-inf'), float('nan'), 0.1],
    'complex': 1 - 2.5j, 'text': ['', 'plain', 'line\nend \\ \'"', '\u00e9\u4e2d\U0001F600', 'x' * 300, 'y' * 70000],
    'bytes': [b'', b'\x00\xff\n', b'z' * 300, bytes(range(256)) * 300, bytearray(b'grow')],
    'tuples': [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),))],
    'sets': [set(), {1, 2, 3}, frozenset({'a', (1, 2)}), frozenset()],
    'keys': {1: 'int', (1, 'a', None): 'tuple', b'b': 'bytes', None: 'none', 2.5: 'float', '': 'empty', frozenset({1}): 's'},
    'ordered': collections.OrderedDict([('z', 1), ('a', 2)]), 'counter': collections.Counter('abca'),
    'default': collections.defaultdict(list, {'k': [1]}), 'deque': collections.deque([1, 2], 5),
    'shared': [shared, shared, {'again': shared}], 'long': list(range(3000)), 'many': {str(i): i for i in range(3000)},
    'types': [x.astype(t) for t in ('f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', '?', '>f4', '>i2', '>f8')],
    'order': [np.asfortranarray(x * 1.5), x.T, x[:, ::2], np.float32(3) + np.zeros(()), np.zeros((0, 3)), np.zeros((2, 0))],
    'words': [np.array(['a', '\u00b5S', 'longer']), np.array([b'ab', b'c']), np.array([['a', 'b'], ['c', 'd']], order='F')],
    'objects': [np.array([None, 'x', {'k': x}, [1]], dtype=object),
                np.asfortranarray(np.array([[1, 'b', None], [2, 'd', 3.5]], dtype=object))],
    'scalars': [np.float32(1.1), np.float64(2.2), np.float16(0.5), np.int8(-3), np.uint8(200), np.int64(-2 ** 60),
                np.uint64(2 ** 63), np.bool_(True), np.str_('s\u00e9'), np.bytes_(b'b'), np.dtype('>i4').type(7)],
    'records': np.zeros(3, dtype=[('a', 'f8'), ('b', 'i4', 2)]), 'when': np.array(['2020-01-01'], dtype='M8[D]'),
    'factory': [np.float32, int], 'matrix': np.matrix([[1.5, 2], [3, 4]]), 'random': rng.standard_normal((7, 5)),
}
)";

TEST(Pickle, ValuesOfEveryProtocolAreThoseOfPython) {
  test::TempDir dir;
  const auto judged = test_files::python(kDescribe + R"(
for protocol in range(6):
    path = '%s/%d.pkl' % (sys.argv[1], protocol)
    with open(path, 'wb') as f: pickle.dump(values, f, protocol)
    with open(path, 'rb') as f: print(describe(pickle.load(f)))
)",
                                         "'" + dir.path() + "'");
  if (!judged) GTEST_SKIP() << "no python3 with numpy";
  size_t begin = 0;
  for (int protocol = 0; protocol <= 5; ++protocol) {
    const size_t end = judged->find('\n', begin);
    ASSERT_NE(end, std::string::npos);
    const auto root = read_pickle(dir / fmt::format("{}.pkl", protocol));
    EXPECT_EQ(difference(without_byte_order(described(root)),
                         without_byte_order(judged->substr(begin, end - begin))),
              "")
        << "protocol " << protocol;
    begin = end + 1;
  }
}

TEST(Pickle, FilesOfJoblibAndPackedOnesAreThoseOfPython) {
  test::TempDir dir;
  const auto judged = test_files::python(kDescribe + R"(
import joblib, gzip
d = sys.argv[1]
del values['matrix']
with gzip.open(d + '/plain.pkl.gz', 'wb') as f: pickle.dump(values, f)
for protocol in (2, 3, 4, 5): joblib.dump(values, '%s/%d.joblib' % (d, protocol), protocol=protocol)
joblib.dump(values, d + '/packed.joblib', compress=3)
joblib.dump(values, d + '/packed.gz', compress=('gzip', 3))
joblib.dump(values, d + '/packed.xz', compress=('xz', 3))
print(describe(joblib.load(d + '/4.joblib')))
)",
                                         "'" + dir.path() + "'");
  if (!judged) GTEST_SKIP() << "no python3 with joblib";
  const std::string theirs = without_byte_order(*judged);
  for (const char* name :
       {"plain.pkl.gz", "2.joblib", "3.joblib", "4.joblib", "5.joblib", "packed.joblib", "packed.gz"}) {
    EXPECT_EQ(difference(without_byte_order(described(read_pickle(dir / name))) + "\n", theirs), "") << name;
  }
  EXPECT_THAT(test::error_of([&] { read_pickle(dir / "packed.xz"); }, ErrorCode::kData),
              HasSubstr("packed with xz; plain, gzip and zlib are read"));
}

// {'a': [1, 2.5, None, True, -7], 'b': (b'\x00\xff', 'é😀'), 3: float32 0..5 as (2, 3), 'same': the list of
// 'a'}, by CPython 3.11 with numpy 1.24.
const char* const kGoldens[] = {
    "286470300a56610a70310a286c70320a49310a6146322e350a614e614930310a61492d370a617356620a70330a28635f636f"
    "646563730a656e636f64650a70340a28565c7530303030ff0a70350a566c6174696e310a70360a7470370a5270380a56e95c"
    "5530303031663630300a70390a747031300a7349330a636e756d70792e636f72652e6d756c746961727261790a5f7265636f"
    "6e7374727563740a7031310a28636e756d70790a6e6461727261790a7031320a2849300a747031330a67340a2856620a7031"
    "340a67360a747031350a527031360a747031370a527031380a2849310a2849320a49330a747031390a636e756d70790a6474"
    "7970650a7032300a285666340a7032310a4930300a4930310a747032320a527032330a2849330a563c0a7032340a4e4e4e49"
    "2d310a492d310a49300a747032350a624930300a67340a28565c75303030305c75303030305c75303030305c75303030305c"
    "75303030305c7530303030803f5c75303030305c75303030305c7530303030405c75303030305c753030303040405c753030"
    "30305c753030303080405c75303030305c7530303030a0400a7032360a67360a747032370a527032380a747032390a627356"
    "73616d650a7033300a67320a732e",
    "80027d71002858010000006171015d7102284b014740040000000000004e884af9ffffff655801000000627103635f636f64"
    "6563730a656e636f64650a7104580300000000c3bf710558060000006c6174696e3171068671075271085806000000c3a9f0"
    "9f9880710986710a4b03636e756d70792e636f72652e6d756c746961727261790a5f7265636f6e7374727563740a710b636e"
    "756d70790a6e6461727261790a710c4b0085710d6804580100000062710e680686710f527110877111527112284b014b024b"
    "03867113636e756d70790a64747970650a71145802000000663471158988877116527117284b0358010000003c71184e4e4e"
    "4affffffff4affffffff4b0074711962896804581b000000000000000000c2803f00000040000040400000c280400000c2a0"
    "40711a680686711b52711c74711d62580400000073616d65711e6802752e",
    "800595ca000000000000007d94288c0161945d94284b014740040000000000004e884af9ffffff658c016294430200ff948c"
    "06c3a9f09f98809486944b038c126e756d70792e636f72652e6e756d65726963948c0b5f66726f6d62756666657294939428"
    "961800000000000000000000000000803f0000004000004040000080400000a040948c056e756d7079948c05647479706594"
    "93948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b024b0386948c0143947494"
    "52948c0473616d65946802752e"};
// {'w': big-endian int16 [1, 2, 3]} by joblib 1.2.
const char* const kJoblibGolden =
    "800495d1000000000000007d948c0177948c136a6f626c69622e6e756d70795f7069636b6c65948c114e756d707941727261"
    "79577261707065729493942981947d94288c08737562636c617373948c056e756d7079948c076e6461727261799493948c05"
    "7368617065944b0385948c056f72646572948c0143948c056474797065946808680f93948c02693294898887945294284b03"
    "8c013e944e4e4e4affffffff4affffffff4b007494628c0a616c6c6f775f6d6d617094888c1b6e756d70795f61727261795f"
    "616c69676e6d656e745f6279746573944b10756203ffffff000100020003732e";

TEST(Pickle, StoredFilesAreReadWithoutAJudge) {
  for (const char* golden : kGoldens) {
    const PickleValue root = parse_pickle(from_hex(golden), "golden");
    EXPECT_EQ(described(root),
              "{t61:[i1,f4004000000000000,N,T,i-7,],t62:(b00ff,tc3a9f09f9880,),i3:a<f4(2,3,)0000000000000000,"
              "3ff0000000000000,4000000000000000,4008000000000000,4010000000000000,4014000000000000,,"
              "t73616d65:[i1,f4004000000000000,N,T,i-7,],}");
  }
  EXPECT_THAT(parse_pickle(from_hex(kJoblibGolden), "golden").at("w").reals(), ElementsAre(1, 2, 3));
}

TEST(Pickle, TextOfPython2IsLatin1AndArraysAreItsBytes) {
  // {'caf\xe9': array([1., 2.])} as Python 2 with numpy 1.x writes it, protocol 2.
  const std::string array =
      "cnumpy.core.multiarray\n_reconstruct\nq\x02"
      "cnumpy\nndarray\nq\x03K\0\x85U\x01"
      "b\x87Rq\x04("
      "K\x01K\x02\x85"
      "cnumpy\ndtype\nq\x05U\x02"
      "f8K\0K\x01\x87Rq\x06(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
      "K\0tb\x89T\x10\0\0\0\0\0\0\0\0\0\xf0?\0\0\0\0\0\0\0@tb"s;
  const PickleValue root = parse_pickle(
      "\x80\x02}q\x01U\x04"
      "caf\xe9" +
          array + "s.",
      "two");
  EXPECT_EQ(root.key(0).text(), "caf\xc3\xa9");
  EXPECT_THAT(root.at("caf\xc3\xa9").reals(), ElementsAre(1, 2));
  // Protocol 0: escapes in quotes, ints with L, booleans as ints.
  EXPECT_EQ(described(parse_pickle("(lp0\nS'a\\x00\\'\\n\\xe9\\\\'\nap1\nL12L\naI01\naI-3\naF-1.5e3\naS\"'"
                                   "\"\naV\\u00e9\\U0001f600\na.",
                                   "zero")),
            "[t6100270ac3a95c,i12,T,i-3,fc097700000000000,t27,tc3a9f09f9880,]");
}

TEST(Pickle, NothingInAFileIsEverRun) {
  test::TempDir dir;
  const std::string mark = dir / "mark";
  const std::string command = "touch " + mark;
  const auto text = [](const std::string& value) {
    return "X"s + static_cast<char>(value.size()) + "\0\0\0"s + value;
  };
  const auto refused = [](const std::string& bytes) {
    return test::error_of([&] { parse_pickle(bytes, "evil.pkl"); }, ErrorCode::kData);
  };
  const struct {
    std::string bytes, name;
    int at;
  } attacks[] = {
      {"cos\nsystem\n(S'" + command + "'\ntR.", "os.system", 0},
      {"cposix\nsystem\n(S'" + command + "'\ntR.", "posix.system", 0},
      {"(S'" + command + "'\nios\nsystem\n.", "os.system", static_cast<int>(command.size()) + 5},
      {"(cos\nsystem\nS'" + command + "'\no.", "os.system", 1},
      {"c__builtin__\neval\n(S'__import__(\"os\").system(\"" + command + "\")'\ntR.", "builtins.eval", 0},
      {"cbuiltins\nexec\n(S'1'\ntR.", "builtins.exec", 0},
      {"cbuiltins\ngetattr\n.", "builtins.getattr", 0},
      {"c__builtin__\n__import__\n.", "builtins.__import__", 0},
      {"csubprocess\nPopen\n(S'" + command + "'\ntR.", "subprocess.Popen", 0},
      {"\x80\x04\x8c\x02os\x8c\x06system\x93" + text(command) + "\x85R.", "os.system", 14},
      {"\x80\x02"s + "cnumpy.core.multiarray\n_reconstruct\ncos\nsystem\n.", "os.system", 38},
      {"cnumpy\nload\n(S'x'\ntR.", "numpy.load", 0},
      {"cnumpy.testing._private.utils\nrunstring\n.", "numpy.testing._private.utils.runstring", 0},
      {"ctypes\nFunctionType\n.", "types.FunctionType", 0},
      {"cbuiltins\nset.__class__\n.", "builtins.set.__class__", 0},
      {"c_codecs\ndecode\n.", "_codecs.decode", 0},
      {"ccopyreg\n__newobj__\n.", "copyreg.__newobj__", 0},
      {"cbuiltins\n\n.", "builtins.", 0},
  };
  for (const auto& attack : attacks) {
    EXPECT_THAT(refused(attack.bytes),
                HasSubstr(fmt::format(
                    "evil.pkl: byte {}: the pickle asks for '{}', which is not data; read are plain "
                    "containers and numpy arrays, and nothing was run",
                    attack.at, attack.name)));
    const std::string path = dir / "evil.pkl";
    core::write_file(path, attack.bytes);
    EXPECT_THAT(test::error_of([&] { read_pickle(path); }, ErrorCode::kData), HasSubstr(attack.name));
  }
  EXPECT_FALSE(std::filesystem::exists(mark));
  EXPECT_THAT(refused("cpandas.core.frame\nDataFrame\n."), HasSubstr("to_csv"));
  EXPECT_THAT(refused("ctorch._utils\n_rebuild_tensor_v2\n."), HasSubstr("save numpy arrays"));
  // What is known may only be used as data use it.
  EXPECT_THAT(refused("cbuiltins\nint\n(S'1'\ntR."),
              HasSubstr("'builtins.int' is called, which data do not need"));
  EXPECT_THAT(refused("(lK\1\x85R."), HasSubstr("a list is called"));
  EXPECT_THAT(refused("(l(dX\1\0\0\0aK\1sb."s), HasSubstr("a list is given the attributes of a dict"));
  EXPECT_THAT(refused("K\1Q."), HasSubstr("a persistent id"));
  EXPECT_THAT(refused("\x80\x05\x97."), HasSubstr("buffer_callback"));
  EXPECT_THAT(refused("\x82\1."), HasSubstr("an extension code"));
}

TEST(Pickle, ErrorsNameThePathOfAValue) {
  // {'train': {'text': [1, 'a'], 5: None}}
  const PickleValue root = parse_pickle("}X\5\0\0\0train}(X\4\0\0\0text](K\1X\1\0\0\0aeK\5Nus."s, "a.pkl");
  const auto text = root.at("train").at("text");
  const auto message = [](const auto& action) { return test::error_of(action, ErrorCode::kData); };
  EXPECT_EQ(message([&] { text.item(1).array(); }), "a.pkl: train.text[1]: expected an array, found text");
  EXPECT_EQ(message([&] { text.item(0).text(); }), "a.pkl: train.text[0]: expected text, found int");
  EXPECT_EQ(message([&] { text.item(2); }), "a.pkl: train.text: item 2 is asked for, 2 are there");
  EXPECT_EQ(message([&] { text.texts(); }), "a.pkl: train.text[0]: expected text, found int");
  EXPECT_EQ(message([&] { text.reals(); }), "a.pkl: train.text[1]: expected a number, found text");
  EXPECT_THAT(message([&] { root.at("train").at("txt"); }),
              AllOf(HasSubstr("a.pkl: train: no key 'txt'"), HasSubstr("text")));
  EXPECT_EQ(message([&] { root.at("train").value(1).real(); }),
            "a.pkl: train[5]: expected a number, found none");
  EXPECT_EQ(message([&] { root.boolean(); }), "a.pkl: expected a bool, found dict");
  const PickleValue array = parse_pickle(from_hex(kJoblibGolden), "b.pkl").at("w");
  double to[2];
  array.array().read(1, 2, to);
  EXPECT_THAT(to, ElementsAre(2, 3));
  EXPECT_EQ(message([&] { array.array().read(2, 2, to); }),
            "b.pkl: w: elements 2 to 4 are asked for, 3 are there");
  EXPECT_EQ(message([&] { array.texts(); }), "b.pkl: w: expected text (S or U), found an array of '>i2'");
  EXPECT_EQ(message([&] { array.item(0); }), "b.pkl: w: expected objects, found an array of '>i2'");
}

TEST(Pickle, DamagedFilesAreRefusedWithTheByte) {
  const auto refused = [](const std::string& bytes) {
    return test::error_of([&] { parse_pickle(bytes, "x"); }, ErrorCode::kData);
  };
  EXPECT_THAT(refused(""), HasSubstr("empty"));
  EXPECT_THAT(refused("hello"), HasSubstr("x: byte 0: value 101 is used before it is there"));
  EXPECT_THAT(refused("\x89PNG"), HasSubstr("x: byte 1: "));
  EXPECT_THAT(refused("\x7f"
                      "ELF"),
              HasSubstr("byte 0: byte 0x7f is no opcode of a pickle; is this one?"));
  EXPECT_THAT(refused("PK\x03\x04zip"), HasSubstr("a zip archive"));
  EXPECT_THAT(refused("\x80\x06N."), HasSubstr("byte 0: protocol 6; 0 to 5 are read"));
  EXPECT_THAT(refused("\x80\x04\x95\x08\0\0\0\0\0\0\0N."s),
              HasSubstr("byte 2: a frame of 8 bytes, 2 follow"));
  EXPECT_THAT(refused("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f."s),
              HasSubstr("are announced, 1 follow"));
  EXPECT_THAT(refused("N"), HasSubstr("byte 1: the file ends before the pickle does"));
  EXPECT_THAT(refused("NN.x"), HasSubstr("byte 3: 1 bytes follow the pickle"));
  EXPECT_THAT(refused("(N."), HasSubstr("byte 2: a value is missing"));
  EXPECT_THAT(refused("g7\n."), HasSubstr("value 7 is used before it is there"));
  EXPECT_THAT(refused("X\1\0\0\0\xff."s), HasSubstr("not UTF-8"));
  EXPECT_THAT(refused("K\1K\2a."), HasSubstr("items are added to an int"));
  EXPECT_THAT(refused("}(K\1u."), HasSubstr("a key without a value"));
  EXPECT_THAT(refused("}]Ns."), HasSubstr("is the key of a dict"));
  EXPECT_THAT(refused("\x8a\x00X\1\0\0\0"s), HasSubstr("announced"));
  std::string golden = from_hex(kGoldens[2]);
  for (size_t size = 0; size < golden.size(); ++size) refused(golden.substr(0, size));
  const size_t at = golden.find("K\x02K\x03\x86");
  golden[at + 1] = 3;
  EXPECT_THAT(refused(golden),
              HasSubstr("an array of 9 elements of type '<f4' needs 36 bytes, 24 are there"));
  // As Python does: of equal keys the first stays and the last value wins; 1, 1.0 and True are one key.
  EXPECT_EQ(described(parse_pickle("}(K\1K\2K\5K\6G\x3f\xf0\0\0\0\0\0\0K\3\x88K\4u."s, "x")),
            "{i1:i4,i5:i6,}");
}

TEST(Pickle, SmallFilesCannotAskForMuch) {
  const auto refused = [](const std::string& bytes) {
    return test::error_of([&] { parse_pickle(bytes, "x", 8 << 20); }, ErrorCode::kData);
  };
  // A list that holds itself, and lists of lists of lists: references, not copies.
  const PickleValue loop = parse_pickle("]q\0h\0a."s, "x");
  EXPECT_EQ(loop.item(0).item(0).size(), 1u);
  std::string laughs = "](K\1K\1K\1K\1e"s;
  for (int i = 0; i < 100; ++i) laughs = laughs + "q\1](h\1h\1h\1h\1h\1h\1h\1h\1e"s;
  EXPECT_EQ(parse_pickle(laughs + ".", "x").size(), 8u);
  // Copies are counted: list(list(...)) of a long list, again and again.
  std::string copies = "cbuiltins\nlist\nq\0("s + std::string(50000, 'N') + "lq\1"s;
  for (int i = 0; i < 5000; ++i) copies += "h\0h\1\x85R"s;
  EXPECT_THAT(refused(copies + "."), HasSubstr("copied again and again"));
  // Tuples in tuples as keys would be compared for ever.
  std::string keys = "K\1"s;
  for (int i = 0; i < 40; ++i) keys += "2\x86"s;
  EXPECT_THAT(refused("}" + keys + "Ns."), HasSubstr("a key of a dict or set has more than 64 parts"));
  // A memo index costs one entry; a deep nest costs its bytes.
  EXPECT_EQ(parse_pickle("Nr\xff\xff\xff\xff."s, "x").kind(), PickleKind::kNone);
  EXPECT_EQ(parse_pickle(std::string(100000, ']') + std::string(99999, 'a') + ".", "x").size(), 1u);
  EXPECT_THAT(refused(std::string(500000, ']') + "."), HasSubstr("more memory than is allowed"));
  EXPECT_THAT(refused(std::string(4, 'N') + std::string(100, '2') + "\x8a\xff" + std::string(255, '1') + "("),
              HasSubstr("byte"));
  EXPECT_THAT(refused(test_files::gzipped(std::string(9 << 20, 'N'))), HasSubstr("unpacks to more than"));
  // A shape that the bytes do not cover.
  EXPECT_THAT(
      refused(
          "cnumpy.core.numeric\n_frombuffer\n(C\0cnumpy\ndtype\n(X\2\0\0\0U0K\0K\1tRJ\xff\xff\xff\x7f\x85X\1\0\0\0CtR."s),
      HasSubstr("without size"));
}

/// Damage that knows where opcodes are likely to be: bytes become other opcodes, pieces move.
std::string damaged_pickle(std::string bytes, core::Rng& rng) {
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.below(static_cast<int64_t>(n))); };
  constexpr std::string_view kOpcodes =
      "().012FGIJKLMNPQRSTUVXabcdeghijlopqrstu}]"
      "BC\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91"
      "\x92\x93\x94\x95\x96\x97\x98";
  const size_t num_changes = 1 + below(5);
  for (size_t k = 0; k < num_changes && !bytes.empty(); ++k) {
    const size_t at = below(bytes.size());
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = kOpcodes[below(kOpcodes.size())];
        break;
      case 2:
        bytes.erase(at, 1 + below(6));
        break;
      case 3:
        bytes.insert(at, 1, kOpcodes[below(kOpcodes.size())]);
        break;
      case 4:
        if (rng.chance(0.3)) bytes.resize(at);
        break;
      case 5:
        for (size_t i = at; i < std::min(bytes.size(), at + 1 + below(4)); ++i)
          bytes[i] = rng.chance(0.5) ? '\xff' : '9';
        break;
      default:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(40)));
        break;
    }
  }
  return bytes;
}

TEST(Pickle, MutantsAreReadOrRefused) {
  const char* wanted = std::getenv("LIMBIC_MUTANTS");
  const int count = wanted != nullptr ? std::atoi(wanted) : 2000;
  std::vector<std::string> seeds;
  for (const char* golden : kGoldens) seeds.push_back(from_hex(golden));
  seeds.push_back(from_hex(kJoblibGolden));
  seeds.push_back(test_files::gzipped(from_hex(kGoldens[2])));
  seeds.push_back(
      "\x80\x04(cbuiltins\nset\n](K\1K\2e\x85R\x8f(K\1C\1ae\x90(K\1\x91"
      "ccollections\ndefaultdict\ncbuiltins\n"
      "list\n\x85RK\1]sccollections\nOrderedDict\n)R}bcbuiltins\ncomplex\nG@\0\0\0\0\0\0\0G@"
      "\0\0\0\0\0\0\0\x86R"
      "ccopyreg\n_reconstructor\n(cbuiltins\nlist\ncbuiltins\nlist\n]tRt."s);
  core::Rng rng(7);
  for (const std::string& seed : seeds) {
    int num_read = 0, num_refused = 0;
    for (int i = 0; i < count; ++i) {
      try {
        const PickleValue root = parse_pickle(damaged_pickle(seed, rng), "mutant.pkl", 16 << 20);
        std::string out;
        int budget = 2000;
        describe(root, out, budget);
        ++num_read;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
        EXPECT_THAT(error.what(), HasSubstr("mutant.pkl"));
        ++num_refused;
      }
    }
    EXPECT_GT(num_refused, count / 4);
    EXPECT_EQ(num_read + num_refused, count);
  }
}

TEST(Pickle, RealFilesOfIemocapAreRead) {
  LIMBIC_REQUIRE_DATA("iemocap_ded_posteriors/outputs.pkl");
  const std::string folder = test::real_data() + "/iemocap_ded_posteriors/";
  const PickleValue outputs = read_pickle(folder + "outputs.pkl");
  const PickleValue labels = read_pickle(folder + "emo_all_iemocap.pkl");
  const PickleValue dialogues = read_pickle(folder + "dialog_iemocap.pkl");
  EXPECT_EQ(labels.size(), 10039u);
  EXPECT_EQ(dialogues.size(), 151u);
  double sum = 0;
  for (uint64_t i = 0; i < outputs.size(); ++i) {
    const auto logits = outputs.value(i).reals();
    ASSERT_EQ(logits.size(), 4u);
    for (const double logit : logits) sum += logit;
  }
  uint64_t num_utterances = 0;
  for (uint64_t i = 0; i < dialogues.size(); ++i) {
    for (const std::string& name : dialogues.value(i).texts()) {
      ++num_utterances;
      EXPECT_TRUE(labels.find(name).has_value()) << name;
    }
  }
  EXPECT_EQ(num_utterances, 10039u);
  const auto judged = test_files::python(R"(
import sys, joblib, numpy as np
o = joblib.load(sys.argv[1])
print(len(o), repr(float(sum(np.sum(v, dtype='f8') for v in o.values()))))
)",
                                         "'" + folder + "outputs.pkl'");
  if (!judged) GTEST_SKIP() << "no python3 with joblib";
  uint64_t count = 0;
  double their_sum = 0;
  ASSERT_EQ(std::sscanf(judged->c_str(), "%lu %lf", &count, &their_sum), 2);
  EXPECT_EQ(outputs.size(), count);
  EXPECT_NEAR(sum, their_sum, 1e-6);
}

}  // namespace
}  // namespace limbic::formats
