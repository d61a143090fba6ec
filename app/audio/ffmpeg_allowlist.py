"""The containers and codecs an upload may use; everything else of ffmpeg stays out of reach.

Left out on purpose are all formats that refer to other files or hosts (HLS, DASH, concat, SDP, IMF, ...),
images, subtitles, video decoders and raw formats that no file announces.
"""

DEMUXERS = (
    *("wav", "w64", "aiff", "au", "caf"),
    *("mp3", "aac", "loas", "ac3", "eac3", "flac", "ogg", "asf", "amr", "amrnb", "amrwb"),
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2"),
    *("avi", "matroska", "webm", "flv", "mpegts", "mpeg", "mxf", "rm"),
    *("wv", "tta", "mpc8", "dts", "truehd", "mlp", "voc", "sox", "nistsphere", "gsm", "ilbc", "qcp", "dss"),
)
"""Demuxer names as -format_whitelist compares them."""

DECODERS = (
    *("aac", "aac_fixed", "aac_latm", "ac3", "ac3_fixed", "eac3", "dca", "truehd", "mlp"),
    *("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "mp3adu", "mp3adufloat"),
    *("wavpack", "tta", "mpc8", "s302m", "dss_sp", "ilbc", "msnsiren", "real_144"),
    *("flac", "alac", "opus", "libopus", "vorbis", "libvorbis", "speex", "libspeex"),
    *("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "gsm", "gsm_ms", "qcelp", "evrc"),
    *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "nellymoser"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_yamaha", "adpcm_swf", "g722", "g726", "g726le"),
    *("adpcm_g722", "adpcm_g726", "adpcm_g726le", "g723_1", "g729", "truespeech"),
    *("pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be"),
    *("pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"),
    *("pcm_s64le", "pcm_bluray", "pcm_dvd"),
)
"""Decoder names as -codec_whitelist compares them."""
