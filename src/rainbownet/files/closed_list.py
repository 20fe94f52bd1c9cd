"""The closed list: every function, tensor method, attribute and module class that a file may name.

None of them calls what it is given, gets attributes at will, imports, reads or writes files, or hands out memory; sizes
are bounded elsewhere, when a network is measured before it is made.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS: dict[str, frozenset[str]] = {
    "operator": _names(
        "abs add and_ eq floordiv ge getitem gt iadd iand ifloordiv ilshift imatmul imod imul invert ior ipow "
        "irshift isub itruediv ixor le lshift lt matmul mod mul ne neg not_ or_ pos pow rshift sub truediv xor"
    ),
    "builtins": _names("abs bool complex float getattr int len max min pow round sum"),
    "math": _names(
        "acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh degrees erf erfc exp expm1 fabs floor fmod "
        "gcd hypot isclose isfinite isinf isnan isqrt lcm log log10 log1p log2 pow prod radians sin sinh sqrt tan "
        "tanh trunc"
    ),
    "torch": _names(
        "abs absolute acos acosh adaptive_avg_pool1d add addbmm addcdiv addcmul addmm addmv addr all "
        "alpha_dropout amax amin angle any arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin "
        "argsort asin asinh atan atan2 atanh avg_pool1d baddbmm batch_norm bitwise_and bitwise_not bitwise_or "
        "bitwise_xor bmm broadcast_to cat ceil celu celu_ channel_shuffle chunk clamp clamp_max clamp_min clip "
        "clone complex concat concatenate conj conj_physical conv1d conv2d conv3d conv_transpose1d "
        "conv_transpose2d conv_transpose3d copysign cos cosh cosine_similarity cross cummax cummin cumprod cumsum "
        "deg2rad detach diag diag_embed diagonal diff digamma dist div divide dot dropout dropout_ dsplit "
        "embedding eq erf erfc erfinv exp exp2 expm1 fix flatten flip fliplr flipud float_power floor "
        "floor_divide fmax fmin fmod frac full_like gather ge greater greater_equal group_norm gt hardshrink "
        "heaviside hsplit hypot i0 imag index_select inner instance_norm is_complex is_floating_point isclose "
        "isfinite isinf isnan kthvalue layer_norm ldexp le lerp less less_equal lgamma log log10 log1p log2 "
        "log_softmax logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor logit "
        "logsumexp lt masked_fill matmul max max_pool1d max_pool2d max_pool3d maximum mean median min minimum mm "
        "moveaxis movedim msort mul multiply mv nan_to_num nanmean nansum narrow ne neg negative norm not_equal "
        "numel ones_like outer permute pixel_shuffle pixel_unshuffle polar positive pow prelu prod rad2deg ravel "
        "real reciprocal relu relu_ remainder renorm repeat_interleave reshape rms_norm roll rot90 round rrelu "
        "rsqrt rsub scatter scatter_add select selu selu_ sgn sigmoid sigmoid_ sign signbit sin sinc sinh "
        "slice_scatter softmax "
        "sort split split_with_sizes sqrt square squeeze stack std sub subtract sum swapaxes swapdims t "
        "take_along_dim tan tanh tanh_ tensor_split threshold tile topk transpose tril triu true_divide trunc "
        "unbind unflatten unsqueeze var vdot view_as_complex view_as_real vsplit where xlogy zeros_like"
    ),
    "torch.nn.functional": _names(
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d alpha_dropout avg_pool1d avg_pool2d avg_pool3d batch_norm bilinear celu celu_ "
        "channel_shuffle conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d "
        "cosine_similarity dropout dropout1d dropout2d dropout3d elu elu_ embedding feature_alpha_dropout fold "
        "gelu glu grid_sample group_norm hardshrink hardsigmoid hardswish hardtanh hardtanh_ instance_norm "
        "interpolate layer_norm leaky_relu leaky_relu_ linear local_response_norm log_softmax logsigmoid "
        "lp_pool1d lp_pool2d lp_pool3d max_pool1d max_pool2d max_pool3d mish native_channel_shuffle normalize pad "
        "pairwise_distance pixel_shuffle pixel_unshuffle prelu relu relu6 relu_ rms_norm rrelu rrelu_ "
        "scaled_dot_product_attention selu selu_ sigmoid silu softmax softmin softplus softshrink softsign tanh "
        "tanhshrink threshold threshold_ unfold upsample upsample_bilinear upsample_nearest"
    ),
    "torch.special": _names(
        "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 digamma entr erf erfc erfcx erfinv exp2 expit expm1 "
        "gammainc gammaincc gammaln i0 i0e i1 i1e log1p log_ndtr log_softmax logit logsumexp modified_bessel_i0 "
        "modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 ndtr ndtri psi round scaled_modified_bessel_k0 "
        "scaled_modified_bessel_k1 sinc softmax spherical_bessel_j0 xlog1py xlogy zeta"
    ),
    "torch.linalg": _names("norm vector_norm"),
}
"""Functions, by the module that has them."""

_NO_METHODS = _names(
    "adaptive_avg_pool1d alpha_dropout avg_pool1d batch_norm cat celu celu_ channel_shuffle complex concat "
    "concatenate conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity "
    "dropout dropout_ embedding full_like group_norm imag instance_norm layer_norm max_pool1d max_pool2d "
    "max_pool3d ones_like pixel_shuffle pixel_unshuffle polar real rms_norm rrelu rsub selu selu_ stack threshold "
    "view_as_complex view_as_real zeros_like"
)
METHODS = (FUNCTIONS["torch"] - _NO_METHODS) | _names(
    "add_ addcdiv_ addcmul_ bfloat16 bool clamp_ clamp_max_ clamp_min_ clip_ contiguous copy_ cpu dim div_ double "
    "exp_ expand expand_as fill_ float half int log_ long masked_fill_ mul_ ndimension neg_ nelement new_full "
    "new_ones new_zeros pow_ reciprocal_ repeat reshape_as rsqrt_ size sqrt_ square_ squeeze_ stride sub_ "
    "sum_to_size t_ to transpose_ type_as unfold unsqueeze_ view view_as zero_"
)
"""Methods of tensors."""

ATTRIBUTES = _names("H T device dtype imag is_cuda mH mT ndim real shape")
"""What `getattr` may get."""

MODULES = _names(
    "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d "
    "AlphaDropout AvgPool1d AvgPool2d AvgPool3d BatchNorm1d BatchNorm2d BatchNorm3d Bilinear CELU ChannelShuffle "
    "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d Conv1d Conv2d Conv3d "
    "ConvTranspose1d ConvTranspose2d ConvTranspose3d Dropout Dropout1d Dropout2d Dropout3d ELU Embedding "
    "FeatureAlphaDropout Flatten Fold GELU GLU GroupNorm Hardshrink Hardsigmoid Hardswish Hardtanh Identity "
    "InstanceNorm1d InstanceNorm2d InstanceNorm3d LPPool1d LPPool2d LPPool3d LayerNorm LeakyReLU Linear "
    "LocalResponseNorm LogSigmoid LogSoftmax MaxPool1d MaxPool2d MaxPool3d Mish PReLU PixelShuffle PixelUnshuffle "
    "RMSNorm RReLU ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d "
    "ReplicationPad3d SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign SyncBatchNorm Tanh "
    "Tanhshrink Threshold Unflatten Unfold Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d ZeroPad2d "
    "ZeroPad3d"
)
"""Classes of torch.nn: those that are functions of their input and of tensors of their own."""
