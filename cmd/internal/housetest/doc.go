// Package housetest holds the test that the packages import each other as the
// house's plan says. The linter has the same rules for whoever types; this test
// sees what a package gets through others as well.
package housetest
