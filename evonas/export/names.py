"""Names in exported C: that of the file, and the prefix of its functions and macros."""

from __future__ import annotations

import re

from evonas.types import UserError

#: Characters that need no quoting in an include and in a command.
_ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9 _.,()+=-]*")
#: Largest number of characters, so that the name with its suffix fits the limits of file systems.
MOST_CHARACTERS = 200


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Reserved words of C and C++.
KEYWORDS = _words("""
    alignas alignof and asm auto bitand bitor bool break case catch char class compl complex concept const consteval
    constexpr constinit continue decltype default delete do double else enum explicit export extern false float for
    friend goto if imaginary inline int long mutable namespace new noexcept not nullptr operator or private protected
    public register requires restrict return short signed sizeof static struct switch template this throw true try
    typedef typeid typename typeof union unsigned using virtual void volatile wchar_t while xor
""")
#: Headers that the C library, compilers and exported sources include; a file beside the source would hide them.
HEADERS = _words("""
    aio alloca arm_neon assert complex cpio ctype dirent dlfcn errno fcntl fenv float fnmatch ftw glob grp iconv
    immintrin inttypes iso646 langinfo libgen limits link locale malloc math memory monetary mqueue ndbm netdb nl_types
    poll pthread pwd regex sched search semaphore setjmp signal spawn stdalign stdarg stdatomic stdbool stdckdint stddef
    stdint stdio stdlib stdnoreturn string strings syslog tar termios tgmath threads time uchar ulimit unistd utime
    utmpx values wchar wctype windows wordexp x86intrin xmmintrin
""")
#: Functions, types, objects and macros of the C library and of compilers.
LIBRARY = _words("""
    abort abs accept access acos alarm asin atan atexit atof atoi atol bind bsearch calloc cbrt ceil chdir clock close
    connect cos cosh creat ctime difftime div dup environ erf errno execl execv exit exp expm1 fabs fclose feof ferror
    fflush fgetc fgets file floor fma fmax fmin fmod fopen fork fprintf fputc fputs fread free freopen frexp fscanf
    fseek ftell fwrite gamma getc getchar getenv gets gmtime hypot index isalnum isalpha isdigit isspace j0 j1 jn kill
    labs ldexp lgamma linux listen llabs localtime log log10 log1p log2 longjmp main malloc memchr memcmp memcpy memmove
    memset mktime modf nan null open pause perror pipe pow printf putc putchar puts qsort raise rand read realloc
    remainder remove rename rewind rint round scanf select send setbuf setenv setvbuf sigaction sin sinh sleep snprintf
    socket sprintf sqrt sqrtf srand sscanf stat stderr stdin stdout strcat strchr strcmp strcpy strdup strlen strncpy
    strstr strtod strtok strtol system tan tanh tgamma tmpfile tolower toupper trunc ungetc unix unlink va_list vprintf
    wait write y0 y1 yn eof size_t ptrdiff_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t
""")


def identifier(stem: str) -> str:
    """A C identifier for a file of this name, without its suffix.

    Raises:
        UserError: A source of this name, or its contents, could not be compiled everywhere; the message says why.
    """
    what = f"--out: {stem!r} cannot be the name of C source"
    if len(stem) > MOST_CHARACTERS:
        raise UserError(f"--out: expected a name of at most {MOST_CHARACTERS} characters, got {len(stem)}: shorten it")
    if not _ALLOWED.fullmatch(stem):
        raise UserError(f"{what}: expected a letter from A to Z, and then letters, digits, '_', '-', '.' or spaces, "
                        f"since functions and the header are named after it; choose another, like network.c")
    name = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_")
    for words, kind in ((KEYWORDS, "a word of C or C++"), (HEADERS, "a header of the C library"),
                        (LIBRARY, "a name of the C library")):
        if {stem.lower(), name.lower()} & words:
            raise UserError(f"{what}: it is {kind}; choose another, like {name.lower()}_network.c")
    return name
