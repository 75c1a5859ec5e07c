"""What an exported C file defines for itself begins with the network's name, whatever its texts hold."""

from __future__ import annotations

from evonas.export.c_scope import scoped

SOURCE = r"""#define STEP 3
typedef float number;
static const number table[2] = {1, 2};
/* the table and STEP */
static int put(int x) { return x + STEP; }
int main(void) { printf("a \"table\" of %d\n", put(1)); printf("STEP %d\n", STEP); return table[0] > 0; }
"""


def test_own_names_are_renamed_between_texts_with_escapes_and_texts_are_left_alone() -> None:
    result = scoped(SOURCE, "net")
    assert "#define NET_STEP 3" in result
    assert "static const net_number net_table[2]" in result
    assert "/* the table and STEP */" in result
    assert r'printf("a \"table\" of %d\n", net_put(1)); printf("STEP %d\n", NET_STEP); return net_table[0]' in result


def test_constants_of_an_enumeration_are_renamed() -> None:
    source = "enum {SIZE, SHIFT};\n/* SIZE */\nint f(const int *layer) { return layer[SIZE] << layer[SHIFT]; }\n"
    result = scoped(source, "net")
    assert "enum {NET_SIZE, NET_SHIFT};" in result
    assert "/* SIZE */" in result
    assert "layer[NET_SIZE] << layer[NET_SHIFT]" in result
