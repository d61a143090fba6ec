"""How recordings are called that can be decoded: for file choosers, which know a file by its ending."""

FILE_ENDINGS = (
    *("mp3", "m4a", "wav", "ogg", "opus", "flac", "aac", "wma", "oga", "m4b", "mp2", "aif", "aiff", "aifc"),
    *("mp4", "mov", "mkv", "webm", "avi", "m4v", "wmv", "flv", "mpg", "mpeg", "ts", "mts", "m2ts", "vob"),
    *("amr", "awb", "3gp", "3g2", "3ga", "caf", "ac3", "eac3", "dts", "mka", "weba", "asf", "mxf", "rm"),
    *("ra", "w64", "au", "snd", "wv", "tta", "mpc", "spx", "thd", "mlp", "voc", "sph", "gsm", "qcp"),
    *("dss", "ds2"),
)
"""Without the dot, the most common ones first. Whatever a file is called, its content decides."""
