// Published networks against torchvision, torchaudio or the same network written in Python's torch, which
// read the tensors under their published names: what is compared is the arithmetic and the mapping of names
// at once.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "limbic/core/rng.h"
#include "limbic/formats/safetensors.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/pretrained.h"
#include "nn/pretrained/published_files.h"
#include "support/paths.h"
#include "support/python_judge.h"

namespace limbic::nn {
namespace {

constexpr double kTolerance = 2e-5;

/// An encoder built as training does: sizes from config.json, weights from model.safetensors.
template <class Config>
std::shared_ptr<Encoder> published_encoder(Config config, const affect::StreamShape& input,
                                           const Tensors& tensors, const std::string& json,
                                           const std::string& processor = "") {
  const test::TempDir dir;
  core::write_file(dir / "config.json", json);
  if (!processor.empty()) core::write_file(dir / "preprocessor_config.json", processor);
  formats::write_safetensors(dir / "model.safetensors", tensors);
  config.pretrained.weights = dir.path();
  EncoderConfig resolved = config;
  resolve_pretrained(resolved);
  auto encoder = build_encoder(resolved, input);
  encoder->load_pretrained();
  encoder->as_module()->eval();
  return encoder;
}

std::string config_json(const std::string& type, const std::string& more) {
  return "{\"model_type\": \"" + type + "\", " + kSizesJson + (more.empty() ? "" : ", ") + more + "}";
}

#define EXPECT_CLOSE_TO_PYTHON(expression)                      \
  do {                                                          \
    const auto difference = expression;                         \
    if (!difference) GTEST_SKIP() << "python3-torch is absent"; \
    EXPECT_LT(*difference, kTolerance);                         \
  } while (false)

// x: pixels in [0, 255], (1, T, 3, H, W).
constexpr const char* kImages = R"(
def scaled(mean, std):
    shape = lambda v: torch.tensor(v).view(1, 3, 1, 1)
    return (s['x'].flatten(0, 1) / 255 - shape(mean)) / shape(std)
def lin(x, p): return F.linear(x, s[p + '.weight'], s.get(p + '.bias'))
def norm(x, p, eps=1e-6): return F.layer_norm(x, x.shape[-1:], s[p + '.weight'], s[p + '.bias'], eps)
def heads(x): return x.view(x.shape[0], x.shape[1], 2, -1).transpose(1, 2)
def mix(q, k, v, bias=0): return ((q @ k.transpose(2, 3) / q.shape[-1] ** 0.5 + bias).softmax(-1) @ v).transpose(1, 2).flatten(2)
imagenet = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
)";

constexpr const char* kTorchvisionVit = R"(
try: from torchvision.models.vision_transformer import VisionTransformer
except ImportError: sys.exit(77)
net = VisionTransformer(16, 4, 2, 2, 16, 24, num_classes=1).eval()
to = {'class_token': s['embeddings.cls_token'], 'encoder.pos_embedding': s['embeddings.position_embeddings']}
for part in 'weight', 'bias':
    to['conv_proj.' + part] = s['embeddings.patch_embeddings.projection.' + part]
    to['encoder.ln.' + part] = s['layernorm.' + part]
    for i in range(2):
        a, b = 'encoder.layer.%d.' % i, 'encoder.layers.encoder_layer_%d.' % i
        to[b + 'self_attention.in_proj_' + part] = torch.cat([s[a + 'attention.attention.%s.%s' % (n, part)] for n in ('query', 'key', 'value')])
        for n, m in (('layernorm_before', 'ln_1'), ('layernorm_after', 'ln_2'), ('attention.output.dense', 'self_attention.out_proj'),
                     ('intermediate.dense', 'mlp.0'), ('output.dense', 'mlp.3')): to[b + m + '.' + part] = s[a + n + '.' + part]
missing = net.load_state_dict(to, strict=False)
assert not missing.unexpected_keys and all(k.startswith('heads') for k in missing.missing_keys)
net.heads = torch.nn.Identity()
y = net(scaled([0.5] * 3, [0.5] * 3))
)";

constexpr const char* kDinov2 = R"(
def dinov2(antialias):
    x = scaled(*imagenet)
    w = s['embeddings.patch_embeddings.projection.weight']
    x = F.conv2d(x, w, s['embeddings.patch_embeddings.projection.bias'], stride=w.shape[-1])
    h, v = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    p = s['embeddings.position_embeddings']
    n = int((p.shape[1] - 1) ** 0.5)
    grid = F.interpolate(p[:, 1:].view(1, n, n, -1).permute(0, 3, 1, 2), size=(h, v), mode='bicubic', align_corners=False, antialias=antialias)
    x = torch.cat([s['embeddings.cls_token'].expand(len(x), -1, -1), x], 1) + torch.cat([p[:, :1], grid.flatten(2).transpose(1, 2)], 1)
    if 'embeddings.register_tokens' in s: x = torch.cat([x[:, :1], s['embeddings.register_tokens'].expand(len(x), -1, -1), x[:, 1:]], 1)
    for i in range(2):
        a = 'encoder.layer.%d.' % i
        u = norm(x, a + 'norm1')
        q, k, v = (heads(lin(u, a + 'attention.attention.' + m)) for m in ('query', 'key', 'value'))
        x = x + s[a + 'layer_scale1.lambda1'] * lin(mix(q, k, v), a + 'attention.output.dense')
        u = norm(x, a + 'norm2')
        if a + 'mlp.weights_in.weight' in s:
            g, u = lin(u, a + 'mlp.weights_in').chunk(2, -1)
            u = lin(F.silu(g) * u, a + 'mlp.weights_out')
        else: u = lin(F.gelu(lin(u, a + 'mlp.fc1')), a + 'mlp.fc2')
        x = x + s[a + 'layer_scale2.lambda1'] * u
    return norm(x, 'layernorm')
)";

constexpr const char* kDinov3 = R"(
import math
x = scaled(*imagenet)
w = s['embeddings.patch_embeddings.weight']
x = F.conv2d(x, w, s['embeddings.patch_embeddings.bias'], stride=w.shape[-1])
h, v = x.shape[2:]
x = x.flatten(2).transpose(1, 2)
x = torch.cat([s[n].expand(len(x), -1, -1) for n in ('embeddings.cls_token', 'embeddings.register_tokens')] + [x], 1)
where = torch.stack(torch.meshgrid((torch.arange(h) + 0.5) / h, (torch.arange(v) + 0.5) / v, indexing='ij'), -1).flatten(0, 1) * 2 - 1
angle = (2 * math.pi * where[:, :, None] / 100.0 ** torch.arange(0, 1, 4 / 8)).flatten(1).tile(2)
def turn(z):
    a, b = z[:, :, :-h * v], z[:, :, -h * v:]
    half = torch.cat([-b[..., 4:], b[..., :4]], -1)
    return torch.cat([a, b * angle.cos() + half * angle.sin()], 2)
for i in range(2):
    a = 'layer.%d.' % i
    u = norm(x, a + 'norm1', 1e-5)
    q, k, val = (heads(lin(u, a + 'attention.' + m)) for m in ('q_proj', 'k_proj', 'v_proj'))
    x = x + s[a + 'layer_scale1.lambda1'] * lin(mix(turn(q), turn(k), val), a + 'attention.o_proj')
    u = norm(x, a + 'norm2', 1e-5)
    if a + 'mlp.gate_proj.weight' in s: u = F.silu(lin(u, a + 'mlp.gate_proj')) * lin(u, a + 'mlp.up_proj')
    else: u = F.gelu(lin(u, a + 'mlp.up_proj'))
    x = x + s[a + 'layer_scale2.lambda1'] * lin(u, a + 'mlp.down_proj')
x = norm(x, 'norm', 1e-5)
y = torch.cat([x[:, 0], x[:, 4:].mean(1)], 1)
)";

constexpr const char* kClip = R"(
x = scaled([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
e = 'vision_model.embeddings.'
x = F.conv2d(x, s[e + 'patch_embedding.weight'], stride=4).flatten(2).transpose(1, 2)
x = torch.cat([s[e + 'class_embedding'].expand(len(x), 1, -1), x], 1) + s[e + 'position_embedding.weight']
x = norm(x, 'vision_model.pre_layrnorm', 1e-5)
for i in range(2):
    a = 'vision_model.encoder.layers.%d.' % i
    u = norm(x, a + 'layer_norm1', 1e-5)
    q, k, v = (heads(lin(u, a + 'self_attn.' + m)) for m in ('q_proj', 'k_proj', 'v_proj'))
    x = x + lin(mix(q, k, v), a + 'self_attn.out_proj')
    u = lin(norm(x, a + 'layer_norm2', 1e-5), a + 'mlp.fc1')
    x = x + lin(u * torch.sigmoid(1.702 * u), a + 'mlp.fc2')
y = norm(x[:, 0], 'vision_model.post_layernorm', 1e-5)
)";

at::Tensor frames(int64_t height, int64_t width) {
  return at::rand({1, 3, 3, height, width}) * 255.0;
}

std::optional<double> image_difference(const std::shared_ptr<Encoder>& encoder, const at::Tensor& x,
                                       Tensors tensors, const std::string& script) {
  at::NoGradGuard no_grad;
  const auto tokens =
      encoder->encode(x, at::ones({1, x.size(1)}, at::kBool)).tokens_BTD.squeeze(0).contiguous();
  tensors["x"] = x;
  return test::difference_to_python(tensors, tokens, std::string(kImages) + script);
}

TEST(PretrainedParity, VitIsTorchvisions) {
  core::seed_torch(31);
  const auto tensors = publish_vit(4, 16);
  const auto encoder = published_encoder(
      VitConfig{}, {{3, 16, 16}}, tensors,
      config_json("vit",
                  R"("patch_size": 4, "image_size": 16, "layer_norm_eps": 1e-6, "hidden_act": "gelu")"));
  EXPECT_CLOSE_TO_PYTHON(image_difference(encoder, frames(16, 16), tensors, kTorchvisionVit));
}

TEST(PretrainedParity, Dinov2WithRegistersInterpolatesItsPositions) {
  core::seed_torch(32);
  const auto tensors = publish_dinov2(4, 25, 3, /*swiglu=*/false);
  const auto encoder =
      published_encoder(VitConfig{}, {{3, 8, 12}}, tensors,
                        config_json("dinov2_with_registers",
                                    R"("patch_size": 4, "image_size": 20, "layer_norm_eps": 1e-6,
                                       "num_register_tokens": 3, "mlp_ratio": 1.5, "use_swiglu_ffn": false)"));
  EXPECT_CLOSE_TO_PYTHON(
      image_difference(encoder, frames(8, 12), tensors, std::string(kDinov2) + "y = dinov2(True)[:, 0]"));
}

TEST(PretrainedParity, Dinov2GiantHasGatesAndNoRegisters) {
  core::seed_torch(33);
  const auto tensors = publish_dinov2(4, 9, 0, /*swiglu=*/true);
  VitConfig config;
  config.token = ImageToken::kMean;
  // hidden = (16 * 2.25 * 2 / 3 + 7) / 8 * 8 = 24
  const auto encoder = published_encoder(config, {{3, 20, 16}}, tensors,
                                         config_json("dinov2", R"("patch_size": 4, "image_size": 12,
                                                     "mlp_ratio": 2.25, "use_swiglu_ffn": true)"));
  EXPECT_CLOSE_TO_PYTHON(image_difference(encoder, frames(20, 16), tensors,
                                          std::string(kDinov2) + "y = dinov2(False)[:, 1:].mean(1)"));
}

TEST(PretrainedParity, Dinov3RotatesByThePlaceOfAPatch) {
  core::seed_torch(34);
  const auto tensors = publish_dinov3(4, 3, /*gated=*/true);
  VitConfig config;
  config.token = ImageToken::kClassMean;
  const auto encoder = published_encoder(
      config, {{3, 8, 12}}, tensors,
      config_json("dinov3_vit", R"("patch_size": 4, "image_size": 16, "layer_norm_eps": 1e-5,
                  "num_register_tokens": 3, "rope_theta": 100.0, "pos_embed_rescale": 2.0,
                  "hidden_act": "silu", "use_gated_mlp": true)"));
  EXPECT_CLOSE_TO_PYTHON(image_difference(encoder, frames(8, 12), tensors, kDinov3));
}

TEST(PretrainedParity, ClipsVisionPartIsReadOutOfTheWholeModel) {
  core::seed_torch(35);
  const auto tensors = publish_clip(4, 16);
  auto file = tensors;
  file["text_model.embeddings.token_embedding.weight"] = at::randn({5, 4});
  file["logit_scale"] = at::ones({});
  VitConfig config;
  config.pretrained.allow_unexpected = {"text_model.", "logit_scale"};
  const auto encoder = published_encoder(
      config, {{3, 16, 16}}, file,
      std::string(R"({"model_type": "clip", "vision_config": {"model_type": "clip_vision_model", )") +
          kSizesJson +
          R"(, "patch_size": 4, "image_size": 16, "layer_norm_eps": 1e-5, "hidden_act": "quick_gelu"}})");
  EXPECT_CLOSE_TO_PYTHON(image_difference(encoder, frames(16, 16), tensors, kClip));
}

// torchaudio calls the parts as Hugging Face does, one level deeper. x: samples (B, S, 1), lengths (B).
constexpr const char* kTorchaudio = R"(
try: from torchaudio.models import wav2vec2_model
except ImportError: sys.exit(77)
def judge(large, prefix, x, lengths=None):
    net = wav2vec2_model('layer_norm' if large else 'group_norm', [(6, 4, 2), (6, 3, 2)], large, 16, 0.0, 6, 4, 2, 2, 0.0, 24, 0.0, 0.0, large, 0.0, None).eval()
    to = {}
    for k, v in s.items():
        if k in ('x', 'lengths', prefix + 'masked_spec_embed'): continue
        k = k[len(prefix):].replace('parametrizations.weight.original0', 'weight_g').replace('parametrizations.weight.original1', 'weight_v')
        to['encoder.' + k if k.startswith('feature_projection') else 'encoder.transformer.' + k[8:] if k.startswith('encoder.') else k] = v
    net.load_state_dict(to)
    return net(x, lengths)[0]
def normalized(x): return (x - x.mean()) / (x.var(unbiased=False) + 1e-7).sqrt()
)";

constexpr const char* kSpeechJson =
    R"("conv_dim": [6, 6], "conv_kernel": [4, 3], "conv_stride": [2, 2], "num_conv_pos_embeddings": 6,
       "num_conv_pos_embedding_groups": 4, "layer_norm_eps": 1e-5, "hidden_act": "gelu")";

struct Sound {
  at::Tensor x_BS1 = at::randn({3, 90, 1}) * 0.1 + 0.05;
  at::Tensor lengths_B = at::tensor(std::vector<int64_t>{90, 61, 40});
  at::Tensor mask_BS = at::arange(90).unsqueeze(0) < lengths_B.unsqueeze(1);
};

std::optional<double> sound_difference(const std::shared_ptr<Encoder>& encoder, Tensors tensors,
                                       const Sound& sound, const std::string& script) {
  at::NoGradGuard no_grad;
  const auto x = sound.x_BS1.masked_fill(sound.mask_BS.logical_not().unsqueeze(2), 0.0);
  const auto tokens = encoder->encode(x, sound.mask_BS).tokens_BTD.contiguous();
  tensors["x"] = x;
  tensors["lengths"] = sound.lengths_B;
  return test::difference_to_python(tensors, tokens, script);
}

// The rows one by one, padded with zeros behind.
constexpr const char* kRowByRow = R"(
rows = [net(normalized(s['x'][b:b + 1, :int(n), 0])) for b, n in enumerate(s['lengths'])]
y = torch.cat([F.pad(r, (0, 0, 0, rows[0].shape[1] - r.shape[1])) for r in rows])
)";

TEST(PretrainedParity, Wav2Vec2BaseIsTorchaudiosForEachRecordingAlone) {
  core::seed_torch(36);
  const auto tensors = publish_speech("", /*large=*/false, /*wavlm=*/false);
  const auto encoder = published_encoder(
      Wav2Vec2Config{}, {{1}}, tensors,
      config_json("wav2vec2", std::string(kSpeechJson) + R"(, "feat_extract_norm": "group")"));
  EXPECT_CLOSE_TO_PYTHON(
      sound_difference(encoder, tensors, Sound{},
                       std::string(kTorchaudio) + "net = lambda x: judge(False, '', x)\n" + kRowByRow));
}

TEST(PretrainedParity, HubertLargeIsTorchaudiosForAPaddedBatch) {
  core::seed_torch(37);
  auto tensors = publish_speech("hubert.", /*large=*/true, /*wavlm=*/false);
  auto file = tensors;
  file["lm_head.weight"] = at::randn({3, kWidth});
  Wav2Vec2Config config;
  config.pretrained.allow_unexpected = {"lm_head"};
  const auto encoder = published_encoder(
      config, {{1}}, file, config_json("hubert", std::string(kSpeechJson) + R"(, "feat_extract_norm": "layer",
                                    "conv_bias": true, "do_stable_layer_norm": true)"),
      R"({"do_normalize": false})");
  EXPECT_CLOSE_TO_PYTHON(sound_difference(encoder, tensors, Sound{}, std::string(kTorchaudio) + R"(
n = s['lengths'].long()
y = judge(True, 'hubert.', s['x'][..., 0], n)
for k, stride in ((4, 2), (3, 2)): n = torch.div(n - k, stride, rounding_mode='floor') + 1
y = y * (torch.arange(y.shape[1]) < n[:, None])[..., None]
)"));
}

constexpr const char* kWavlm = R"(
import math
def net(x):
    x = x[:, None]
    for i, stride in ((0, 2), (1, 2)):
        a = 'feature_extractor.conv_layers.%d.' % i
        x = F.conv1d(x, s[a + 'conv.weight'], s[a + 'conv.bias'], stride)
        x = F.gelu(norm(x.transpose(1, 2), a + 'layer_norm').transpose(1, 2))
    x = lin(norm(x.transpose(1, 2), 'feature_projection.layer_norm'), 'feature_projection.projection')
    a = 'encoder.pos_conv_embed.conv.'
    g, w = s[a + 'parametrizations.weight.original0'], s[a + 'parametrizations.weight.original1']
    w = g * w / w.square().sum((0, 1), keepdim=True).sqrt()
    x = x + F.gelu(F.conv1d(x.transpose(1, 2), w, s[a + 'bias'], padding=3, groups=4)[..., :-1]).transpose(1, 2)
    t = x.shape[1]
    def bucket(d):  # 8 buckets: 4 a side, 2 of them exact; 20 tokens at most
        side, d = (4 if d > 0 else 0), abs(d)
        return side + (d if d < 2 else min(3, 2 + int(math.log(d / 2) / math.log(20 / 2) * 2)))
    table = s['encoder.layers.0.attention.rel_attn_embed.weight']
    bias = torch.stack([torch.stack([table[bucket(k - q)] for k in range(t)]) for q in range(t)]).permute(2, 0, 1)
    for i in range(2):
        a = 'encoder.layers.%d.' % i
        u = norm(x, a + 'layer_norm')
        gates = lin(heads(u), a + 'attention.gru_rel_pos_linear')
        r, v = gates[..., :4].sum(-1, keepdim=True).sigmoid(), gates[..., 4:].sum(-1, keepdim=True).sigmoid()
        gate = r * (v * s[a + 'attention.gru_rel_pos_const'] - 1) + 2
        q, k, v = (heads(lin(u, a + 'attention.' + m)) for m in ('q_proj', 'k_proj', 'v_proj'))
        x = x + lin(mix(q, k, v, gate * bias), a + 'attention.out_proj')
        u = norm(x, a + 'final_layer_norm')
        x = x + lin(F.gelu(lin(u, a + 'feed_forward.intermediate_dense')), a + 'feed_forward.output_dense')
    return norm(x, 'encoder.layer_norm')
def norm(x, p, eps=1e-5): return F.layer_norm(x, x.shape[-1:], s[p + '.weight'], s[p + '.bias'], eps)
def normalized(x): return (x - x.mean()) / (x.var(unbiased=False) + 1e-7).sqrt()
)";

TEST(PretrainedParity, WavlmLargeGatesItsRelativePositions) {
  core::seed_torch(38);
  const auto tensors = publish_speech("", /*large=*/true, /*wavlm=*/true);
  const auto encoder = published_encoder(
      Wav2Vec2Config{}, {{1}}, tensors,
      config_json("wavlm", std::string(kSpeechJson) + R"(, "num_buckets": 8, "max_bucket_distance": 20,
                  "feat_extract_norm": "layer", "conv_bias": true, "do_stable_layer_norm": true)"));
  EXPECT_CLOSE_TO_PYTHON(
      sound_difference(encoder, tensors, Sound{}, std::string(kImages) + kWavlm + kRowByRow));
}

// torch.nn's own layer as the judge. x: ids (B, T, 1), mask (B, T).
constexpr const char* kBert = R"(
def judge(prefix, first, weight, bias, eps):
    e = prefix + 'embeddings.'
    ids = (s['x'][..., 0] * s['mask']).long()
    x = s[e + 'word_embeddings.weight'][ids] + s[e + 'position_embeddings.weight'][first:first + ids.shape[1]] + s[e + 'token_type_embeddings.weight'][0]
    x = F.layer_norm(x, (16,), s[e + 'LayerNorm.' + weight], s[e + 'LayerNorm.' + bias], eps)
    for i in range(2):
        a = prefix + 'encoder.layer.%d.' % i
        net = torch.nn.TransformerEncoderLayer(16, 2, 24, 0.0, 'gelu', eps, batch_first=True)
        to = {}
        for part in 'weight', 'bias':
            to['self_attn.in_proj_' + part] = torch.cat([s[a + 'attention.self.%s.%s' % (n, part)] for n in ('query', 'key', 'value')])
            for n, m in (('attention.output.dense', 'self_attn.out_proj'), ('intermediate.dense', 'linear1'), ('output.dense', 'linear2')):
                to[m + '.' + part] = s[a + n + '.' + part]
        for n, m in (('attention.output.LayerNorm', 'norm1'), ('output.LayerNorm', 'norm2')):
            to[m + '.weight'], to[m + '.bias'] = s[a + n + '.' + weight], s[a + n + '.' + bias]
        net.load_state_dict(to)
        x = net(x, src_key_padding_mask=s['mask'] == 0)
    return x * s['mask'][..., None]
)";

TEST(PretrainedParity, BertAndRobertaAreTransformersOfPythonTorch) {
  core::seed_torch(39);
  const auto mask = at::arange(7).unsqueeze(0) < at::tensor(std::vector<int64_t>{7, 4}).unsqueeze(1);
  const auto x = at::randint(20, {2, 7, 1}, at::kFloat);
  Tensors judged;
  std::vector<at::Tensor> tokens;
  for (const bool is_roberta : {false, true}) {
    const std::string prefix = is_roberta ? "roberta." : "bert.";
    const auto tensors = publish_bert(prefix, 20, 9, is_roberta ? 1 : 2, /*gamma=*/!is_roberta);
    for (const auto& [name, tensor] : tensors) {
      if (tensor.is_floating_point()) judged[name] = tensor;
    }
    auto file = tensors;
    file["cls.predictions.bias"] = at::randn({20});
    BertConfig config;
    config.pretrained.allow_unexpected = {"cls."};
    const auto encoder = published_encoder(
        config, {{1}}, file,
        config_json(is_roberta ? "roberta" : "bert",
                    std::string(R"("vocab_size": 20, "max_position_embeddings": 9, "hidden_act": "gelu", )") +
                        (is_roberta ? R"("type_vocab_size": 1, "layer_norm_eps": 1e-5)"
                                    : R"("type_vocab_size": 2, "layer_norm_eps": 1e-12)")));
    at::NoGradGuard no_grad;
    const auto out = encoder->encode(x, mask);
    EXPECT_TRUE(at::equal(out.embedding_BD, out.tokens_BTD.select(1, 0)));
    tokens.push_back(out.tokens_BTD);
  }
  judged["x"] = x;
  judged["mask"] = mask;
  EXPECT_CLOSE_TO_PYTHON(test::difference_to_python(judged, at::cat(tokens), std::string(kBert) + R"(
y = torch.cat([judge('bert.', 0, 'gamma', 'beta', 1e-12), judge('roberta.', 2, 'weight', 'bias', 1e-5)]))"));
}

}  // namespace
}  // namespace limbic::nn
