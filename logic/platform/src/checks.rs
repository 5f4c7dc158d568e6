//! Contract checks every port runs. (Written next.)
