#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "limbic/formats/mat.h"
#include "limbic/formats/npy.h"
#include "limbic/formats/sensor_recording.h"
#include "sensor_files_for_tests.h"

namespace limbic::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Npz, NumpyReadsWhatIsWritten) {
  for (const bool is_compressed : {false, true}) {
    test::TempDir dir;
    NpzWriter npz(dir / "a.npz", is_compressed);
    npz.add("values", {2, 3}, std::vector<double>{1, 2, 3, 4, std::nan(""), 0.1});
    npz.add("small", {4}, std::vector<float>{1, 2, 3, 4.5F});
    npz.add("index", {}, std::vector<int64_t>{int64_t{1} << 60});
    npz.add("none", {0, 3}, std::vector<double>{});
    npz.add("columns", std::vector<std::string>{"eda", "", "\xc2\xb5S \xf0\x9f\x98\x80"});
    npz.finish();
    const auto back = read_npz(dir / "a.npz");
    ASSERT_EQ(back.size(), 5u);
    EXPECT_THAT(back.at("values").shape, ElementsAre(2, 3));
    EXPECT_EQ(back.at("values").values[5], 0.1);
    EXPECT_TRUE(std::isnan(back.at("values").values[4]));
    EXPECT_THAT(back.at("columns").text, ElementsAre("eda", "", "\xc2\xb5S \xf0\x9f\x98\x80"));
    const std::string first = core::read_file(dir / "a.npz");
    const auto judged = test_files::python(R"(
import sys, zipfile, numpy as np
z = np.load(sys.argv[1])
assert zipfile.ZipFile(sys.argv[1]).testzip() is None
v = z['values']
assert v.shape == (2, 3) and v.dtype == np.float64 and v[1, 2] == 0.1 and np.isnan(v[1, 1])
assert z['small'].dtype == np.float32 and z['small'][3] == 4.5
assert z['index'].shape == () and int(z['index']) == 1 << 60
assert z['none'].shape == (0, 3)
assert list(z['columns']) == ['eda', '', '\u00b5S \U0001F600'], list(z['columns'])
print('ok')
)",
                                           "'" + (dir / "a.npz") + "'");
    EXPECT_EQ(judged.value_or("ok\n"), "ok\n");
    NpzWriter bad(dir / "b.npz");
    EXPECT_THAT(test::error_of([&] { bad.add("x", {3}, std::vector<double>{1}); }, ErrorCode::kInternal),
                HasSubstr("1 values for an array 'x' of 3"));
    bad.add("x", {1}, std::vector<double>{1});
    EXPECT_THAT(test::error_of([&] { bad.add("x", {1}, std::vector<double>{1}); }, ErrorCode::kInternal),
                HasSubstr("is taken"));
  }
}

TEST(Npy, ReadsWhatNumpyWrites) {
  test::TempDir dir;
  const auto made = test_files::python(R"(
import sys, numpy as np
d = sys.argv[1] + '/'
x = np.arange(24).reshape(2, 3, 4)
for t in ('f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', '>f4', '>i2', '>f8'):
    np.save(d + t.replace('>', 'be') + '.npy', x.astype(t))
np.save(d + 'fortran.npy', np.asfortranarray(x.astype('f8')))
np.save(d + 'bool.npy', np.array([True, False]))
np.save(d + 'text.npy', np.array(['a', 'µS']))
np.save(d + 'bytes.npy', np.array([b'ab', b'c']))
np.save(d + 'scalar.npy', np.float64(7))
np.save(d + 'object.npy', np.array([{}, 1], dtype=object))
np.save(d + 'record.npy', np.zeros(3, dtype=[('a', 'f8')]))
np.save(d + 'half.npy', np.array([1.5, -2, 6e-8, 65504, np.inf, np.nan], 'f2'))
np.savez_compressed(d + 'z.npz', EDA=np.arange(40.0), fs=4, acc=np.ones((40, 3)))
print('ok')
)",
                                       "'" + dir.path() + "'");
  if (!made) GTEST_SKIP() << "no python3 with numpy";
  for (const char* type : {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "bef4", "bei2",
                           "bef8", "fortran"}) {
    const NpyArray array = read_npy(dir / (std::string(type) + ".npy"));
    EXPECT_THAT(array.shape, ElementsAre(2, 3, 4));
    for (size_t i = 0; i < 24; ++i) EXPECT_EQ(array.values[i], static_cast<double>(i)) << type;
  }
  EXPECT_THAT(read_npy(dir / "bool.npy").values, ElementsAre(1, 0));
  EXPECT_THAT(read_npy(dir / "text.npy").text, ElementsAre("a", "\xc2\xb5S"));
  EXPECT_THAT(read_npy(dir / "bytes.npy").text, ElementsAre("ab", "c"));
  EXPECT_THAT(read_npy(dir / "scalar.npy").values, ElementsAre(7));
  const auto half = read_npy(dir / "half.npy").values;
  EXPECT_EQ(half[0], 1.5);
  EXPECT_NEAR(half[2], 5.96e-8, 1e-10);
  EXPECT_EQ(half[3], 65504);
  EXPECT_TRUE(std::isinf(half[4]) && std::isnan(half[5]));
  EXPECT_THAT(test::error_of([&] { read_npy(dir / "object.npy"); }, ErrorCode::kData), HasSubstr("pickles"));
  EXPECT_THAT(test::error_of([&] { read_npy(dir / "record.npy"); }, ErrorCode::kData),
              HasSubstr("structured types are not read"));
  const SensorRecording recording = read_sensors(dir / "z.npz");
  EXPECT_EQ(recording.stream("eda").rate_hz, 4);
  EXPECT_EQ(recording.stream("eda").num_samples(), 40u);
  EXPECT_EQ(recording.streams.size(), 4u);
}

TEST(Npy, BadFilesAreRefused) {
  test::TempDir dir;
  write_npy(dir / "a.npy", {2}, {1, 2});
  const std::string good = core::read_file(dir / "a.npy");
  ASSERT_EQ(good.size() % 64, 16u);
  const auto refused = [&](std::string bytes) {
    core::write_file(dir / "b.npy", bytes);
    return test::error_of([&] { read_npy(dir / "b.npy"); }, ErrorCode::kData);
  };
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    bytes.replace(bytes.find(from), from.size(), to);
    return bytes;
  };
  EXPECT_THAT(refused(good.substr(0, good.size() - 1)), HasSubstr("2 elements need 16 bytes, 15 follow"));
  EXPECT_THAT(refused(good + "x"), HasSubstr("17 follow"));
  EXPECT_THAT(refused(good.substr(0, 9)), HasSubstr("cut off within the header"));
  EXPECT_THAT(refused(with("(2,)", "(9223372036854775807,)")), HasSubstr("beyond"));
  EXPECT_THAT(refused(with("(2,)", "(-2,)")), HasSubstr("whole numbers"));
  EXPECT_THAT(refused(with("<f8", "<c8")), HasSubstr("type '<c8'"));
  EXPECT_THAT(refused(with("descr", "magic")), HasSubstr("unknown key 'magic'"));
  EXPECT_THAT(refused("hello"), HasSubstr("not an .npy array"));
}

TEST(Npy, ElementsTakeNoMoreMemoryThanIsAllowed) {
  test::TempDir dir;
  write_npy(dir / "a.npy", {125}, std::vector<double>(125, 0));
  std::string bytes = core::read_file(dir / "a.npy");
  for (const auto& [from, to] : {std::pair{"<f8", "|u1"}, std::pair{"(125,)", "(1000,)"}}) {
    const std::string old = from;
    bytes.replace(bytes.find(old), old.size(), to);
  }
  bytes.erase(bytes.find("} ") + 2, 1);
  core::write_file(dir / "a.npy", bytes);
  EXPECT_EQ(read_npy(dir / "a.npy", 8000).values.size(), 1000u);
  EXPECT_THAT(test::error_of([&] { read_npy(dir / "a.npy", 7999); }, ErrorCode::kData),
              HasSubstr("more memory"));
  EXPECT_THAT(test::error_of([&] { read_npy(dir / "a.npy", 1000); }, ErrorCode::kData),
              HasSubstr("at most 1000"));
}

const char* const kMakeMat = R"(
import sys, numpy as np, scipy.io
d = sys.argv[1] + '/'
data = {'EDA': np.arange(40) * 0.5, 'fs': 4.0, 'note': 'grüße',
        's': {'ecg': np.arange(100, dtype='i2')[:, None], 'fs': np.uint8(50), 'sub': {'x': np.array([1.0, 2.0])}},
        'c': np.array([np.array([1, 2, 3]), 'two'], dtype=object), 'z': np.array([1 + 2j, 3 - 4j]), 'b': np.array([[True, False]]),
        'm': np.arange(6.0).reshape(2, 3), 'e': np.zeros((0, 0)), 'rows': np.array(['ab', 'cd'])}
scipy.io.savemat(d + 'plain.mat', data)
scipy.io.savemat(d + 'packed.mat', data, do_compression=True)
scipy.io.savemat(d + 'four.mat', {k: data[k] for k in ('EDA', 'fs', 'm', 'z')}, format='4')
print('ok')
)";

TEST(Mat, EqualsScipyInEveryVersion) {
  test::TempDir dir;
  if (!test_files::python(kMakeMat, "'" + dir.path() + "'")) GTEST_SKIP() << "no python3 with scipy";
  for (const char* name : {"plain.mat", "packed.mat", "four.mat"}) {
    const MatFile file = read_mat(dir / name);
    const bool is_four = std::string(name) == "four.mat";
    EXPECT_EQ(file.version, is_four ? "4" : "5");
    ASSERT_NE(file.find("EDA"), nullptr) << name;
    EXPECT_EQ(file.find("EDA")->values.size(), 40u);
    EXPECT_EQ(file.find("EDA")->values[39], 19.5);
    EXPECT_THAT(file.find("m")->shape, ElementsAre(2, 3));
    EXPECT_THAT(file.find("m")->values, ElementsAre(0, 3, 1, 4, 2, 5));
    EXPECT_THAT(file.find("z")->values, ElementsAre(1, 3));
    EXPECT_THAT(file.find("z")->imaginary, ElementsAre(2, -4));
    if (is_four) continue;
    EXPECT_EQ(file.find("note")->text,
              "gr\xc3\xbc\xc3\x9f"
              "e");
    EXPECT_EQ(file.find("rows")->text, "ab\ncd");
    EXPECT_EQ(file.find("s.ecg")->values[99], 99);
    EXPECT_THAT(file.find("s.sub.x")->values, ElementsAre(1, 2));
    EXPECT_THAT(file.find("c{1}")->values, ElementsAre(1, 2, 3));
    EXPECT_EQ(file.find("c{2}")->text, "two");
    EXPECT_THAT(file.find("b")->values, ElementsAre(1, 0));
    EXPECT_THAT(file.skipped, ElementsAre("e (empty)"));
    SensorReadOptions options;
    options.columns = {{"EDA", "", "microsiemens", 1, 0, ""}, {"s.ecg", "", "", 0.1, 0, "chest"}};
    const SensorRecording recording = read_sensors(dir / name, options);
    EXPECT_EQ(recording.stream("eda").rate_hz, 4);
    EXPECT_EQ(recording.stream("chest").rate_hz, 50);
    EXPECT_NEAR(recording.stream("ecg").at(99, 0), 9.9, 1e-12);
    options.columns = {{"EAD", "", "", 1, 0, ""}};
    EXPECT_THAT(test::error_of([&] { read_sensors(dir / name, options); }, ErrorCode::kConfig),
                HasSubstr("no array 'EAD'; did you mean 'EDA'?"));
  }
}

/// A 7.3 file as MATLAB lays it out, by h5py: there is no free program of MATLAB's own.
constexpr const char* kMakeMat73 = R"(
import sys, h5py, numpy as np
path = sys.argv[1] + '/a.mat'
with h5py.File(path, 'w', userblock_size=512) as f:
    refs = f.create_group('#refs#')
    def put(group, name, value, kind, **marks):
        value = np.asarray(value)
        d = group.create_dataset(name, data=value if value.dtype == h5py.ref_dtype else value.T)
        if kind: d.attrs['MATLAB_class'] = np.bytes_(kind)
        for key, mark in marks.items(): d.attrs['MATLAB_' + key] = mark
        return d
    put(f, 'EDA', np.arange(40.0)[None] / 2, 'double')
    put(f, 'fs', [[4.0]], 'double')
    put(f, 'm', np.arange(6, dtype='i2').reshape(2, 3), 'int16')
    big = f.create_dataset('cube', data=np.arange(24, dtype='f4').reshape(4, 3, 2), chunks=(2, 3, 2), compression='gzip')
    big.attrs['MATLAB_class'] = np.bytes_('single')
    z = np.zeros((2, 1), dtype=[('real', 'f8'), ('imag', 'f8')]); z['real'] = [[1], [3]]; z['imag'] = [[2], [-4]]
    f.create_dataset('z', data=z).attrs['MATLAB_class'] = np.bytes_('double')
    for name, rows in (('note', ['gr\u00fc\u00dfe']), ('rows', ['ab', 'cd'])):
        codes = np.array([[ord(c) for c in row] for row in rows], dtype='u2')
        put(f, name, codes, 'char', int_decode=np.int32(2))
    put(f, 'b', np.array([[1, 0]], dtype='u1'), 'logical', int_decode=np.int32(1))
    put(f, 'e', np.array([0, 0], dtype='u8'), 'double', empty=np.uint8(1))
    s = f.create_group('s'); s.attrs['MATLAB_class'] = np.bytes_('struct')
    letters = np.empty(2, dtype=object)
    for i, name in enumerate(('sub', 'ecg')): letters[i] = np.array([c.encode() for c in name], dtype='S1')
    s.attrs.create('MATLAB_fields', letters, dtype=h5py.vlen_dtype(np.dtype('S1')))
    put(s, 'ecg', np.arange(100.0)[None], 'double')
    sub = s.create_group('sub'); sub.attrs['MATLAB_class'] = np.bytes_('struct')
    put(sub, 'x', [[1.0], [2.0]], 'double')
    a = put(refs, 'a', [[1.0, 2, 3]], 'double')
    t = put(refs, 'b', np.array([[ord(c) for c in 'two']], dtype='u2'), 'char', int_decode=np.int32(2))
    inner = put(refs, 'c', np.array([[t.ref]], dtype=h5py.ref_dtype), 'cell')
    put(f, 'c', np.array([[a.ref], [t.ref], [inner.ref]], dtype=h5py.ref_dtype), 'cell')
    run = f.create_group('run'); run.attrs['MATLAB_class'] = np.bytes_('struct')
    put(run, 'ecg', np.array([[a.ref], [put(refs, 'd', [[9.0]], 'double').ref]], dtype=h5py.ref_dtype), '')
    put(run, 'id', np.array([[t.ref], [t.ref]], dtype=h5py.ref_dtype), '')
    p = f.create_group('p'); p.attrs['MATLAB_sparse'] = np.uint64(3); p.attrs['MATLAB_class'] = np.bytes_('double')
    put(f, 'g', np.array([[1]], dtype='u4'), 'table', object_decode=np.int32(3))
with open(path, 'r+b') as f: f.write(b'MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024 HDF5 schema 1.00 .'.ljust(124) + b'\x00\x02IM')
print('ok')
)";

TEST(Mat, ReadsVersion73) {
  test::TempDir dir;
  if (!test_files::python(kMakeMat73, "'" + dir.path() + "'")) GTEST_SKIP() << "no python3 with h5py";
  const MatFile file = read_mat(dir / "a.mat");
  EXPECT_EQ(file.version, "7.3");
  ASSERT_NE(file.find("EDA"), nullptr);
  EXPECT_THAT(file.find("EDA")->shape, ElementsAre(1, 40));
  EXPECT_EQ(file.find("EDA")->values[39], 19.5);
  EXPECT_THAT(file.find("m")->shape, ElementsAre(2, 3));
  EXPECT_THAT(file.find("m")->values, ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(file.find("cube")->shape, ElementsAre(2, 3, 4));
  EXPECT_EQ(file.find("cube")->values[23], 23);
  EXPECT_THAT(file.find("z")->values, ElementsAre(1, 3));
  EXPECT_THAT(file.find("z")->imaginary, ElementsAre(2, -4));
  EXPECT_EQ(file.find("note")->text,
            "gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(file.find("rows")->text, "ab\ncd");
  EXPECT_THAT(file.find("b")->values, ElementsAre(1, 0));
  EXPECT_EQ(file.find("s.ecg")->values[99], 99);
  EXPECT_THAT(file.find("s.sub.x")->values, ElementsAre(1, 2));
  EXPECT_THAT(file.find("c{1}")->values, ElementsAre(1, 2, 3));
  EXPECT_EQ(file.find("c{2}")->text, "two");
  EXPECT_EQ(file.find("c{3}{1}")->text, "two");
  EXPECT_THAT(file.find("run(2).ecg")->values, ElementsAre(9));
  EXPECT_EQ(file.find("run(1).id")->text, "two");
  EXPECT_THAT(file.skipped, ElementsAre("e (empty)", "g (an object or function handle)", "p (sparse)"));
  // Fields come in MATLAB's order.
  const auto place = [&](const std::string& name) { return file.find(name) - file.variables.data(); };
  EXPECT_LT(place("s.sub.x"), place("s.ecg"));
  EXPECT_THAT(test::error_of([&] { read_mat(dir / "a.mat", 500); }, ErrorCode::kData),
              HasSubstr("more memory than is allowed"));
  SensorReadOptions options;
  options.columns = {{"EDA", "", "microsiemens", 1, 0, ""}};
  EXPECT_EQ(read_sensors(dir / "a.mat", options).stream("eda").rate_hz, 4);
}

TEST(Mat, BadFilesAreRefused) {
  test::TempDir dir;
  const auto refused = [&](const std::string& bytes) {
    core::write_file(dir / "b.mat", bytes);
    return test::error_of([&] { read_mat(dir / "b.mat"); }, ErrorCode::kData);
  };
  EXPECT_THAT(refused(""), HasSubstr("0 bytes; not a MATLAB file"));
  EXPECT_THAT(refused("MATLAB 7.3 MAT-file, Platform: GLNXA64"), HasSubstr("not an HDF5 file"));
  EXPECT_THAT(refused(std::string(200, 'x')), HasSubstr("byte 0: not a MATLAB file of version 4 to 7"));
  using namespace std::string_literals;
  const std::string head = "MATLAB 5.0 MAT-file" + std::string(105, ' ') + "\x00\x01IM"s;
  std::string element;
  test_files::append<uint32_t>(element, 14);
  test_files::append<uint32_t>(element, 0xFFFFFFF0);
  EXPECT_THAT(refused(head + element), HasSubstr("byte 128: an element of 4294967280 bytes, but 0 follow"));
  EXPECT_THAT(refused(head + "abc"), HasSubstr("a tag of 8 bytes is cut off"));
  // Version 4: 2^31 x 2^31 numbers in 24 bytes.
  std::string four;
  for (const uint32_t v : {0u, 0x7FFFFFFFu, 0x7FFFFFFFu, 0u, 2u}) test_files::append(four, v);
  EXPECT_THAT(refused(four + "x\0"s), HasSubstr("the file was cut off"));
}

// A char array of two billion rows and no columns: once 2 GB of line ends.
TEST(Mat, EmptyTextDeclaresAnyNumberOfRows) {
  const auto element = [](uint32_t type, const std::string& data) {
    std::string out;
    test_files::append(out, type);
    test_files::append(out, static_cast<uint32_t>(data.size()));
    out += data;
    out.resize((out.size() + 7) / 8 * 8, '\0');
    return out;
  };
  const auto words = [](const std::vector<uint32_t>& numbers) {
    std::string out;
    for (const uint32_t number : numbers) test_files::append(out, number);
    return out;
  };
  const std::string text =
      element(6, words({4, 0})) + element(5, words({0x7fffffff, 0})) + element(1, "t") + element(16, "");
  std::string file("MATLAB 5.0 MAT-file");
  file.resize(124, ' ');
  file += std::string("\x00\x01IM", 4) + element(14, text);
  test::TempDir dir;
  core::write_file(dir / "a.mat", file);
  const MatFile mat = read_mat(dir / "a.mat");
  EXPECT_TRUE(mat.variables.empty());
  ASSERT_EQ(mat.skipped.size(), 1u);
}

TEST(Mat, RealEyeTrackingFilesEqualScipy) {
  LIMBIC_REQUIRE_DATA("lund2013");
  const std::string folder = test::real_data() + "/lund2013";
  const auto judged = test_files::python(R"(
import glob, sys, scipy.io
for f in sorted(glob.glob(sys.argv[1] + '/**/*.mat', recursive=True)):
    e = scipy.io.loadmat(f, struct_as_record=False, squeeze_me=True)['ETdata']
    print(f, e.pos.shape[0], repr(float(e.pos[:, 3].sum())), float(e.sampFreq))
)",
                                         "'" + folder + "'");
  if (!judged) GTEST_SKIP() << "no python3 with scipy";
  std::istringstream lines(*judged);
  std::string path;
  size_t rows = 0;
  double sum = 0, rate = 0;
  int num_files = 0;
  while (lines >> path >> rows >> sum >> rate) {
    SensorReadOptions options;
    options.columns = {{"ETdata.pos#4", "gaze", "px", 1, 0, "gaze"},
                       {"ETdata.pos#5", "gaze", "px", 1, 0, "gaze"}};
    const SensorRecording recording = read_sensors(path, options);
    const SensorStream& gaze = recording.stream("gaze");
    EXPECT_EQ(gaze.num_samples(), rows);
    EXPECT_EQ(gaze.rate_hz, rate);
    double total = 0;
    for (const double v : gaze.channel(0)) total += v;
    EXPECT_NEAR(total, sum, 1e-6 * std::abs(sum)) << path;
    ++num_files;
  }
  EXPECT_GT(num_files, 20);
}

}  // namespace
}  // namespace limbic::formats
