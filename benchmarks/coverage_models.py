"""The networks of timm and torchvision that the benchmark of coverage measures, and the sizes of their images."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from coverage_entry import Entry, images

SIZE = 64
"""Side of images where a network takes any."""

CLASSES = 10
"""Outputs: the last layer, which is aligned and not drawn, would be the most of a small network of 1000 classes."""


def entries(group: str) -> list[Entry]:
    """Return the networks of a group: cheap ones first."""
    if group == "timm":
        return [_timm(family, *known) for family, known in TIMM.items()]
    if group == "torchvision":
        return [_classifier(name, **TORCHVISION_OPTIONS.get(name, {})) for name in TORCHVISION]
    return [*map(_segmentation, SEGMENTATION), *map(_backbone, DETECTION), *map(_film, FILMS)]


def _timm(family: str, variant: str, size: int, options: dict[str, Any] | None = None) -> Entry:
    def build() -> nn.Module:
        import timm

        return timm.create_model(variant, pretrained=False, num_classes=CLASSES, **(options or {}))

    return Entry("timm", family, variant, build, images(size))


def _torchvision(path: str, name: str, **options: Any) -> nn.Module:
    from importlib import import_module

    return getattr(import_module(path), name)(**{"weights": None, **options})


def _classifier(name: str, size: int = SIZE, **options: Any) -> Entry:
    build: Callable[[], nn.Module] = partial(_torchvision, "torchvision.models", name, num_classes=CLASSES, **options)
    return Entry("torchvision", name, name, build, images(size))


def _segmentation(name: str) -> Entry:
    options = {"weights_backbone": None, "num_classes": CLASSES}
    build = partial(_torchvision, "torchvision.models.segmentation", name, **options)
    return Entry("detection", name, name, build, images(SIZE))


def _backbone(name: str) -> Entry:
    def build() -> nn.Module:
        return _torchvision("torchvision.models.detection", name, weights_backbone=None).backbone

    return Entry("detection", name, f"{name}.backbone", build, images(SIZE if "ssd300" not in name else 300))


def _film(name: str) -> Entry:
    size = 224 if name.startswith("mvit") else 112 if name.startswith("swin") else SIZE
    build = partial(_torchvision, "torchvision.models.video", name, num_classes=CLASSES)
    return Entry("detection", name, name, build, images(size, frames=16))


def _names(text: str) -> list[str]:
    return text.split()


# Every classification builder, in order of the number of parameters.
TORCHVISION = _names(
    "squeezenet1_1 squeezenet1_0 shufflenet_v2_x0_5 mnasnet0_5 shufflenet_v2_x1_0 mobilenet_v3_small mnasnet0_75 "
    "mobilenet_v2 shufflenet_v2_x1_5 regnet_y_400mf mnasnet1_0 efficientnet_b0 mobilenet_v3_large regnet_x_400mf "
    "mnasnet1_3 regnet_y_800mf regnet_x_800mf shufflenet_v2_x2_0 efficientnet_b1 densenet121 efficientnet_b2 "
    "regnet_x_1_6gf regnet_y_1_6gf resnet18 efficientnet_b3 googlenet densenet169 regnet_x_3_2gf efficientnet_v2_s "
    "regnet_y_3_2gf resnet34 efficientnet_b4 densenet201 resnext50_32x4d resnet50 inception_v3 swin_t swin_v2_t "
    "convnext_tiny densenet161 efficientnet_b5 maxvit_t regnet_y_8gf regnet_x_8gf efficientnet_b6 resnet101 swin_s "
    "swin_v2_s convnext_small efficientnet_v2_m regnet_x_16gf resnet152 alexnet efficientnet_b7 wide_resnet50_2 "
    "regnet_y_16gf resnext101_64x4d vit_b_16 swin_b swin_v2_b vit_b_32 convnext_base resnext101_32x8d regnet_x_32gf "
    "efficientnet_v2_l wide_resnet101_2 vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn regnet_y_32gf "
    "convnext_large vit_l_16 vit_l_32 vit_h_14 regnet_y_128gf "
)
TORCHVISION_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": False, "aux_logits": False},
    "inception_v3": {"init_weights": False, "aux_logits": False, "size": 96},
    "maxvit_t": {"size": 224},
    "vit_b_16": {"size": 64, "image_size": 64},
    "vit_b_32": {"size": 96, "image_size": 96},
    "vit_l_16": {"size": 64, "image_size": 64},
    "vit_l_32": {"size": 96, "image_size": 96},
    "vit_h_14": {"size": 56, "image_size": 56},
}
SEGMENTATION = _names("lraspp_mobilenet_v3_large deeplabv3_mobilenet_v3_large fcn_resnet50 deeplabv3_resnet50 ")
DETECTION = _names(
    "ssdlite320_mobilenet_v3_large fasterrcnn_mobilenet_v3_large_fpn fasterrcnn_resnet50_fpn fcos_resnet50_fpn "
    "retinanet_resnet50_fpn maskrcnn_resnet50_fpn_v2 ssd300_vgg16 "
)
FILMS = _names("s3d mc3_18 r3d_18 r2plus1d_18 swin3d_t mvit_v2_s ")
# A small variant of each family, cut in depth where it has more than nine million parameters and its factory lets
# us; the smallest images that it takes; in order of the number of parameters.
TIMM: dict[str, tuple] = {
    "test": ("test_vit", 64, {"img_size": 64}),
    "lcnet": ("lcnet_035", 64),
    "mobilenetv2": ("mobilenetv2_035", 64),
    "starnet": ("starnet_s050", 64),
    "mobilenetv3": ("mobilenetv3_small_050", 64),
    "mobilenetv4": ("mobilenetv4_conv_small_035", 64),
    "mnasnet": ("mnasnet_small", 64),
    "tinynet": ("tinynet_e", 64),
    "semnasnet": ("semnasnet_050", 64),
    "dla": ("dla46x_c", 64),
    "mobilevit": ("mobilevit_xxs", 64, {"img_size": 64}),
    "repghostnet": ("repghostnet_050", 64),
    "mobilevitv2": ("mobilevitv2_050", 64, {"img_size": 64}),
    "edgenext": ("edgenext_xx_small", 64),
    "ghostnet": ("ghostnet_050", 64),
    "ese": ("ese_vovnet19b_slim_dw", 64),
    "deepseek": ("deepseek_vit_412m", 224, {"depth": 4, "embed_dim": 192, "num_heads": 3, "img_size": 224}),
    "naflexvit": (
        "naflexvit_base_patch16_parfac_gap",
        64,
        {"depth": 4, "embed_dim": 192, "num_heads": 3, "img_size": 64},
    ),
    "beit": ("beit_base_patch16_224", 64, {"depth": 4, "embed_dim": 192, "num_heads": 3, "img_size": 64}),
    "beitv2": ("beitv2_base_patch16_224", 64, {"depth": 4, "embed_dim": 192, "num_heads": 3, "img_size": 64}),
    "samvit": ("samvit_base_patch16_224", 64, {"depth": 4, "embed_dim": 192, "num_heads": 3, "img_size": 64}),
    "aimv2": ("aimv2_large_patch14_224", 64, {"depth": 4, "embed_dim": 192, "num_heads": 3, "img_size": 64}),
    "ghostnetv3": ("ghostnetv3_050", 64),
    "efficientvit": ("efficientvit_b0", 64),
    "regnetx": ("regnetx_002", 64),
    "cspnext": ("cspnext_tiny", 64),
    "qwen": ("qwen3_vit_88m", 64, {"depth": 4, "embed_dim": 192, "num_heads": 3, "img_size": 64}),
    "mixnet": ("mixnet_s", 64),
    "iformer": ("iformer_t", 64),
    "fasternet": ("fasternet_t0", 64),
    "swin": ("swin_tiny_patch4_window7_224", 64, {"depths": (1, 1, 1), "img_size": 64}),
    "swinv2": ("swinv2_tiny_window8_256", 64, {"depths": (1, 1, 1), "img_size": 64}),
    "cs": ("cs3darknet_focus_s", 64),
    "regnety": ("regnety_002", 64),
    "mobilenet": ("mobilenet_edgetpu_100", 64),
    "cait": ("cait_xxs24_224", 64, {"depth": 4, "img_size": 64}),
    "lcnetv2": ("lcnetv2_small", 64),
    "xcit": ("xcit_nano_12_p8_224", 64, {"img_size": 64}),
    "swiftformer": ("swiftformer_xs", 64, {"img_size": 64}),
    "spnasnet": ("spnasnet_100", 64),
    "inception": ("inception_next_atto", 64),
    "mobilenetv1": ("mobilenetv1_100", 64),
    "efficientformerv2": ("efficientformerv2_s0", 64, {"img_size": 64}),
    "fastvit": ("fastvit_t8", 64),
    "visformer": ("visformer_tiny", 64, {"depth": 4, "img_size": 64}),
    "convnext": ("convnext_atto", 64),
    "tf": ("tf_efficientnet_lite0", 64),
    "convnextv2": ("convnextv2_atto", 64),
    "coatnet": ("coatnet_pico_rw_224", 64, {"depths": (1, 1, 1, 1), "img_size": 64}),
    "pvt": ("pvt_v2_b0", 64),
    "coatnext": ("coatnext_nano_rw_224", 64, {"depths": (1, 1, 1, 1), "img_size": 64}),
    "rexnet": ("rexnet_100", 64),
    "mobileone": ("mobileone_s1", 64, {"img_size": 64}),
    "fbnetc": ("fbnetc_100", 64),
    "rexnetr": ("rexnetr_100", 64),
    "hardcorenas": ("hardcorenas_b", 64),
    "hgnetv2": ("hgnetv2_b0", 64),
    "efficientnet": ("efficientnet_b0", 64),
    "efficientformer": ("efficientformer_l1", 224, {"depths": (1, 1, 1, 1), "img_size": 224}),
    "csatv2": ("csatv2", 64, {"depths": (2, 2, 2, 2)}),
    "pit": ("pit_ti_224", 64, {"img_size": 64}),
    "repvit": ("repvit_m0_9", 64, {"img_size": 64}),
    "ghostnetv2": ("ghostnetv2_100", 64),
    "twins": ("twins_svt_small", 64, {"depths": (1, 1, 1, 1), "img_size": 64}),
    "resnetv2": ("resnetv2_18", 64, {"layers": (1, 1, 1, 1)}),
    "resnet": ("resnet18", 64, {"layers": (1, 1, 1, 1)}),
    "resnetblur": ("resnetblur18", 64, {"layers": (1, 1, 1, 1)}),
    "resnetaa": ("resnetaa34d", 64, {"layers": (1, 1, 1, 1)}),
    "cpubone": ("cpubone_nano", 64),
    "legacy": ("legacy_seresnet18", 64, {"layers": (1, 1, 1, 1)}),
    "seresnet": ("seresnet18", 64, {"layers": (1, 1, 1, 1)}),
    "skresnet": ("skresnet18", 64, {"layers": (1, 1, 1, 1)}),
    "tiny": ("tiny_vit_5m_224", 64),
    "coat": ("coat_tiny", 64, {"img_size": 64}),
    "eva": ("eva02_tiny_patch14_224", 64, {"img_size": 64}),
    "convit": ("convit_tiny", 64, {"img_size": 64}),
    "deit": ("deit_tiny_patch16_224", 64, {"img_size": 64}),
    "vit": ("vit_tiny_patch16_224", 64, {"img_size": 64}),
    "efficientvim": ("efficientvim_m1_dist", 64),
    "gmlp": ("gmlp_ti16_224", 64, {"img_size": 64}),
    "shvit": ("shvit_s1", 64),
    "regnetz": ("regnetz_005", 64),
    "mambaout": ("mambaout_femto", 64),
    "gernet": ("gernet_s", 64, {"img_size": 64}),
    "sequencer": ("sequencer2d_s", 64, {"layers": (1, 1, 1, 1), "img_size": 64}),
    "fbnetv3": ("fbnetv3_b", 64),
    "crossvit": ("crossvit_tiny_240", 64),
    "densenet": ("densenet121", 64),
    "densenetblur": ("densenetblur121d", 64),
    "levit": ("levit_128s", 64, {"img_size": 64}),
    "vitamin": ("vitamin_small_224", 64, {"depth": 4, "img_size": 64}),
    "maxvit": ("maxvit_pico_rw_256", 64, {"img_size": 64}),
    "res": ("res2next50", 64, {"layers": (1, 1, 1, 1)}),
    "ecaresnext": ("ecaresnext26t_32x4d", 64, {"layers": (1, 1, 1, 1)}),
    "flexivit": ("flexivit_small", 64, {"depth": 4, "img_size": 64}),
    "tresnet": ("tresnet_m", 64, {"layers": (1, 1, 1, 1)}),
    "nf": ("nf_regnet_b0", 64),
    "repvgg": ("repvgg_a0", 64, {"img_size": 64}),
    "tnt": ("tnt_s_legacy_patch16_224", 64, {"depth": 4, "img_size": 64}),
    "ecaresnetlight": ("ecaresnetlight", 64, {"layers": (1, 1, 1, 1)}),
    "ecaresnet": ("ecaresnet26t", 64, {"layers": (1, 1, 1, 1)}),
    "skresnext": ("skresnext50_32x4d", 64, {"layers": (1, 1, 1, 1)}),
    "resnext": ("resnext26ts", 64, {"img_size": 64}),
    "eca": ("eca_resnext26ts", 64, {"img_size": 64}),
    "dpn": ("dpn48b", 64),
    "seresnext": ("seresnext26ts", 64, {"img_size": 64}),
    "gcresnext": ("gcresnext26ts", 64, {"img_size": 64}),
    "resnest": ("resnest14d", 64),
    "bat": ("bat_resnext26ts", 256, {"img_size": 256}),
    "seresnetaa": ("seresnetaa50d", 64, {"layers": (1, 1, 1, 1)}),
    "lambda": ("lambda_resnet26t", 64, {"img_size": 64}),
    "haloregnetz": ("haloregnetz_b", 224, {"img_size": 224}),
    "halonet": ("halonet26t", 256, {"img_size": 256}),
    "botnet": ("botnet26t_256", 64, {"img_size": 64}),
    "resnetrs": ("resnetrs50", 64, {"layers": (1, 1, 1, 1)}),
    "hrnet": ("hrnet_w18_small", 64),
    "poolformerv2": ("poolformerv2_s12", 64),
    "poolformer": ("poolformer_s12", 64),
    "maxxvit": ("maxxvit_rmlp_nano_rw_256", 64, {"depths": (1, 1, 1, 1), "img_size": 64}),
    "gcvit": ("gcvit_xxtiny", 64, {"img_size": 64}),
    "gemma": ("gemma4_vit_167m_enc", 96, {"depth": 4, "embed_dim": 192, "num_heads": 3, "img_size": 96}),
    "gmixer": ("gmixer_12_224", 64, {"img_size": 64}),
    "sehalonet": ("sehalonet33ts", 256, {"img_size": 256}),
    "sebotnet": ("sebotnet33ts_256", 64, {"img_size": 64}),
    "lowformer": ("lowformer_b0", 64),
    "efficientnetv2": ("efficientnetv2_rw_t", 64),
    "gc": ("gc_efficientnetv2_rw_t", 64),
    "hgnet": ("hgnet_tiny", 64),
    "nfnet": ("nfnet_f0", 64, {"depths": (1, 1, 1)}),
    "dm": ("dm_nfnet_f0", 64, {"depths": (1, 1, 1)}),
    "darknet": ("darknet17", 64),
    "seresnextaa": ("seresnextaa101d_32x8d", 64, {"layers": (1, 1, 1, 1)}),
    "resmlp": ("resmlp_12_224", 64, {"img_size": 64}),
    "maxxvitv2": ("maxxvitv2_nano_rw_256", 64, {"depths": (1, 1, 1, 1), "img_size": 64}),
    "nest": ("nest_tiny", 64, {"img_size": 64}),
    "mixer": ("mixer_s16_224", 64, {"img_size": 64}),
    "cspresnext": ("cspresnext50", 64),
    "gcresnet": ("gcresnet33ts", 64, {"img_size": 64}),
    "wide": ("wide_resnet50_2", 64, {"layers": (1, 1, 1, 1)}),
    "regnetv": ("regnetv_040", 64),
    "sedarknet": ("sedarknet21", 64),
    "convmixer": ("convmixer_768_32", 64),
    "davit": ("davit_tiny", 64, {"depths": (1, 1, 1, 1)}),
    "lamhalobotnet": ("lamhalobotnet50ts_256", 128, {"img_size": 128}),
    "cspresnet": ("cspresnet50", 64),
    "halo": ("halo2botnet50ts_256", 128, {"img_size": 128}),
    "vovnet": ("vovnet39a", 64),
    "rdnet": ("rdnet_tiny", 64),
    "mvitv2": ("mvitv2_tiny", 64, {"img_size": 64}),
    "caformer": ("caformer_s18", 64),
    "convformer": ("convformer_s18", 64),
    "xception": ("xception41p", 64),
    "volo": ("volo_d1_224", 64, {"img_size": 64}),
    "cspdarknet": ("cspdarknet53", 64),
    "sam": ("sam2_hiera_tiny", 64),
    "hiera": ("hiera_tiny_224", 64, {"img_size": 64}),
    "focalnet": ("focalnet_tiny_srf", 64),
    "selecsls": ("selecsls42", 64),
    "nextvit": ("nextvit_small", 64),
    "senet": ("senet154", 64, {"layers": (1, 1, 1, 1)}),
    "hieradet": ("hieradet_small", 64),
    "darknetaa": ("darknetaa53", 64),
    "pnasnet": ("pnasnet5large", 64),
    "nasnetalarge": ("nasnetalarge", 64, {"num_features": 960, "stem_size": 24}),
    "vgg": ("vgg11", 64),
    "mobilenetv5": ("mobilenetv5_300m_enc", 64),
}
